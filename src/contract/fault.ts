/**
 * What fob says when something does not work: a fact, the next step, and a code from a closed set.
 * `cli/exit-codes.ts` maps every code to an exit status; a new code does not compile until it is mapped.
 */
export type FaultCode =
  | 'failed'
  | 'run_failed'
  | 'conflict'
  /** Too much at once: the same may work in a while. */
  | 'busy'
  | 'usage'
  | 'config'
  | 'prompt_needed'
  | 'unauthenticated'
  /** The credential is good, and the request was not signed as the server wants it. */
  | 'signature_refused'
  | 'credentials_expired'
  | 'login_denied'
  | 'login_timeout'
  | 'forbidden'
  | 'not_found'
  | 'unreachable'
  | 'server_error'
  | 'interrupted'

/**
 * An error that is shown to a user as it stands: lower case, no full stop, never a secret.
 * Anything that is not a `Fault` is a defect of ours and is shown without its details.
 */
export class Fault extends Error {
  readonly code: FaultCode
  /** The next step, where there is one. */
  readonly hint: string | undefined
  /** Seconds until trying again could help, where that is known. */
  readonly retryAfter: number | undefined
  /** The HTTP status of the response that it stands for, where there is one. */
  readonly status: number | undefined

  constructor(
    code: FaultCode,
    message: string,
    options: { hint?: string | undefined; retryAfter?: number; status?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.name = 'Fault'
    this.code = code
    this.hint = options.hint
    this.retryAfter = options.retryAfter
    this.status = options.status
  }
}
