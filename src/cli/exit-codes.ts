/** The exit status of every fault. */
import type { FaultCode } from '../contract/fault.ts'

/** Total: a new code does not compile until it is here. */
export const EXIT = {
  failed: 1,
  run_failed: 1,
  conflict: 1,
  busy: 1,
  usage: 2,
  config: 2,
  prompt_needed: 2,
  unauthenticated: 4,
  signature_refused: 4,
  credentials_expired: 4,
  login_denied: 4,
  login_timeout: 4,
  forbidden: 5,
  not_found: 6,
  unreachable: 7,
  server_error: 7,
  interrupted: 130,
} as const satisfies Record<FaultCode, number>
