/** What authentication comes to: the one tagged union that decides who is let in. */
import type { Principal } from '../access-rules/principal.ts'

/**
 * Told apart by `kind` alone. Only `admitted` has a principal, and only `admitted` lets a request in; each of the
 * others is a refusal.
 */
export type AuthenticationOutcome =
  | Admitted
  | SignatureRefusal
  | SlowedDown
  | WrongPassword
  | NotAuthenticated

export interface Admitted {
  kind: 'admitted'
  principal: Principal
}

/** A valid token in a request that was not signed as it has to be (401). */
export interface SignatureRefusal {
  kind: 'refused'
  code: 'signature_required' | 'signature_invalid' | 'signature_expired' | 'nonce_reused'
  message: string
}

/** The credential was not checked, because there were too many attempts (429). */
interface SlowedDown {
  kind: 'slowed'
  /** Seconds until the next attempt is allowed. */
  seconds: number
}

/** A name and a password that do not match (401). */
interface WrongPassword {
  kind: 'wrong_password'
  /** The account with that name, for the audit log alone; null where there is none. */
  account: string | null
}

/** No credential, or one that is not valid (401). */
interface NotAuthenticated {
  kind: 'none'
}

export const NOT_AUTHENTICATED: NotAuthenticated = { kind: 'none' }
