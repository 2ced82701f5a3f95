/** Where a run is: its path in the API, and its page. */
import { Fault } from '../../contract/fault.ts'

/**
 * The API's path of a run.
 * @throws Fault `usage` on what cannot be an ID: `..` in a path would mean another one
 */
export function runPath(id: string): string {
  checkRunId(id)
  return `/api/runs/${id}`
}

/** @throws Fault `usage` on what cannot be the ID of a run, or the beginning of one */
export function checkRunId(id: string): void {
  if (/^[\w-]{1,64}$/.test(id)) return
  throw new Fault('usage', 'that is not the ID of a run', { hint: '"fob runs list" shows them: run_019a…' })
}

/** The address of the page that shows a run in a browser. */
export function runPageUrl(server: string, id: string): string {
  return `${server}/runs/${encodeURIComponent(id)}`
}
