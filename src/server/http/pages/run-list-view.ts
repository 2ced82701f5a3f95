/** Runs as lines of a list, and the address of the next page of a list. */
import { isFinal } from '../../../contract/run-events.ts'
import type { RunQuery } from '../../runs/journal/list-runs.ts'
import type { RunEntry } from '../../runs/journal/read-run-records.ts'
import type { RunLine } from '../../web/run-list-template.ts'
import type { Services } from '../handler-services.ts'
import type { Call } from '../request-context.ts'
import { hrefInTenant } from './page-frame-view.ts'

/** The runs that the caller may see: none without the scope for it. */
export async function runsOf(
  { principal }: Call,
  { pipelines }: Pick<Services, 'pipelines'>,
  query: Omit<RunQuery, 'only' | 'except'>,
): Promise<{ items: RunEntry[]; next: string | null }> {
  if (!principal.scopes.has('runs:read')) return { items: [], next: null }
  return pipelines.runsOf(principal, query)
}

/**
 * The address of the next page of a list, in the same tenant.
 * @param kept what else stays in the query
 */
export function nextHref(
  call: Call,
  name: string,
  cursor: string | number | null | undefined,
  kept: Readonly<Record<string, string>> = {},
): string | undefined {
  if (cursor === null || cursor === undefined) return undefined
  return hrefInTenant(call, call.url.pathname, { ...kept, [name]: String(cursor) })
}

/** A run as a line of a list, for this caller. */
export function toLine({ principal }: Call, run: RunEntry): RunLine {
  const again = isFinal(run.status) && principal.scopes.has('runs:trigger')
  const { id, pipelineName: pipeline, status, triggeredBy, tokenName, createdAt, startedAt, endedAt } = run
  return { id, pipeline, status, triggeredBy, tokenName, createdAt, startedAt, endedAt, again }
}
