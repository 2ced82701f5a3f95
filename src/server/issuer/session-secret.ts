/** The secret that sessions, tokens and the issuer's own keys are derived from. */

/** An HMAC-SHA256 key shorter than its output is weaker than it looks (RFC 7518 §3.2). */
export const MIN_SESSION_SECRET_BYTES = 32
