import { Fault } from '../../../contract/fault.ts'
import type { Redactor } from '../../../redact/redactor.ts'

/**
 * What a call failed with, as a script and the record of its run may have it: redacted, the next step in the
 * message, and without a cause, whose words nobody has looked at. What is no `Fault` stays as it is.
 * @param what failed, such as `git` or `notify "ops"`.
 */
export function shown(what: string, error: unknown, redactor: Redactor): unknown {
  if (!(error instanceof Fault)) return error
  const { code, message, hint } = error
  return new Fault(code, redactor.text(`${what}: ${message}${hint === undefined ? '' : `; ${hint}`}`))
}
