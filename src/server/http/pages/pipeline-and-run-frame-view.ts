/** What the pages about pipelines and runs show around their own part. */
import type { RunEntry } from '../../runs/journal/read-run-records.ts'
import type { AppView } from '../../web/pipeline-and-run-frame.ts'
import type { RunLine } from '../../web/pipeline-and-run-list-templates.ts'
import type { Call } from '../request-context.ts'
import { hostOf, type Services } from '../handler-services.ts'
import { accountName } from './logged-in-person-name.ts'

export function appView({ principal, session, url }: Call, services: Pick<Services, 'settings'>): AppView {
  const tenant = url.searchParams.get('tenant')
  return {
    account: session && accountName(principal),
    csrf: session?.csrf ?? '',
    host: hostOf(services),
    query: tenant === null ? '' : `?tenant=${encodeURIComponent(tenant)}`,
  }
}

/** The address of the next page of a list, in the same tenant. */
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

/** A run as a line of a list. */
export function toLine(run: RunEntry): RunLine {
  const { id, pipelineName: pipeline, status, triggeredBy, createdAt, startedAt, endedAt } = run
  return { id, pipeline, status, triggeredBy, createdAt, startedAt, endedAt }
}
