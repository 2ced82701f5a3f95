/** Runs as lines of a list, and the address of the next page of a list. */
import type { RunEntry } from '../../runs/journal/read-run-records.ts'
import type { RunLine } from '../../web/pipeline-and-run-list-templates.ts'
import type { Call } from '../request-context.ts'
import { hrefInTenant } from './page-frame-view.ts'

/** The address of the next page of a list, in the same tenant. */
export function nextHref(
  call: Call,
  name: string,
  cursor: string | number | null | undefined,
): string | undefined {
  if (cursor === null || cursor === undefined) return undefined
  return hrefInTenant(call, call.url.pathname, { [name]: String(cursor) })
}

/** A run as a line of a list. */
export function toLine(run: RunEntry): RunLine {
  const { id, pipelineName: pipeline, status, triggeredBy, createdAt, startedAt, endedAt } = run
  return { id, pipeline, status, triggeredBy, createdAt, startedAt, endedAt }
}
