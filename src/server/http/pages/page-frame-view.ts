import type { RunEntry } from '../../runs/journal/run-records.ts'
import type { AppView } from '../../web/page-frame.ts'
import type { RunLine } from '../../web/pipeline-templates.ts'
import type { Call } from '../call.ts'
import type { Services } from '../services.ts'

/** What the pages about pipelines and runs show around their own part. */
export function appView({ principal, session, url }: Call, { settings }: Services): AppView {
  const tenant = url.searchParams.get('tenant')
  return {
    account: session && (principal.email ?? principal.nickName ?? principal.name ?? principal.id),
    csrf: session?.csrf ?? '',
    host: new URL(settings.url).host,
    query: tenant === null ? '' : `?tenant=${encodeURIComponent(tenant)}`,
  }
}

/** The address of the next page, with what this one was asked for. */
export function nextHref(
  call: Call,
  name: string,
  cursor: string | number | null | undefined,
): string | undefined {
  if (cursor === null || cursor === undefined) return undefined
  const query = new URLSearchParams({ [name]: String(cursor) })
  const tenant = call.url.searchParams.get('tenant')
  if (tenant !== null) query.set('tenant', tenant)
  return `${call.url.pathname}?${query.toString()}`
}

export function toLine(run: RunEntry): RunLine {
  const { id, pipelineName: pipeline, status, triggeredBy, createdAt, startedAt, endedAt } = run
  return { id, pipeline, status, triggeredBy, createdAt, startedAt, endedAt }
}
