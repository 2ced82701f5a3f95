/** The shortest session secret that is accepted; sessions, tokens and the keys of the issuer are derived from it. */

/** An HMAC-SHA256 key shorter than its output is weaker than it looks (RFC 7518 §3.2). */
export const MIN_SESSION_SECRET_BYTES = 32
