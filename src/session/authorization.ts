import { Secret } from '../redact/secret.ts'

/**
 * The value of the `Authorization` header: Bearer (RFC 6750), or Basic (RFC 7617) where there is a user name,
 * and then the token is the password.
 */
export function authorizationOf(token: Secret, username?: string): Secret {
  if (username === undefined) return new Secret(`Bearer ${token.reveal()}`)
  return new Secret(`Basic ${Buffer.from(`${username}:${token.reveal()}`).toString('base64')}`)
}
