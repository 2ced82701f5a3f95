/** The path of a run in the API. */
import { Fault } from '../../contract/fault.ts'

/**
 * The API's path of a run.
 * @throws Fault `usage` on what cannot be an ID: `..` in a path would mean another one
 */
export function runPath(id: string): string {
  if (/^[\w-]{1,64}$/.test(id)) return `/api/runs/${id}`
  throw new Fault('usage', 'that is not the ID of a run', { hint: '"fob runs list" shows them: run_019a…' })
}
