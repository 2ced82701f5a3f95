/** Faults as one text, for places without a field for a hint: a run's message, and a script's rejected call. */
import { Fault } from '../../contract/fault.ts'
import type { Redactor } from '../../redact/redactor.ts'

/** The message and the next step. */
export function faultText({ message, hint }: Fault): string {
  return hint === undefined ? message : `${message}; ${hint}`
}

/**
 * What a call failed with, as a script and the record of its run may have it: redacted, with the next step in the
 * message, and without a cause, whose text was not checked. Any other error stays as it is.
 * @param what failed, such as `git` or `notify "ops"`
 */
export function redactedFault(what: string, error: unknown, redactor: Redactor): unknown {
  if (!(error instanceof Fault)) return error
  return new Fault(error.code, redactor.text(`${what}: ${faultText(error)}`))
}
