/** The fault that a call is expected to end with. */
import { Fault } from '../../src/contract/fault.ts'

/** The fault that `work` ends with; anything else fails the test. */
export async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const error: unknown = await work.then(
    () => undefined,
    (e: unknown) => e,
  )
  if (error instanceof Fault) return error
  throw new Error(`not a fault: ${String(error)}`)
}
