import { Secret } from '../redact/secret.ts'

/**
 * The value of the `Authorization` header: Bearer (RFC 6750), or Basic (RFC 7617) where there is a user name,
 * and then the token is the password.
 */
export function authorizationOf(token: Secret, username?: string): Secret {
  if (username === undefined) return new Secret(`Bearer ${token.reveal()}`)
  return new Secret(`Basic ${Buffer.from(`${username}:${token.reveal()}`).toString('base64')}`)
}

/** What of such a header must not be shown: all but its scheme, and for Basic also what is encoded in it. */
export function secretsOf(authorization: Secret): Secret[] {
  const [scheme = '', value = ''] = authorization.reveal().split(/ (.*)/s)
  if (scheme !== 'Basic') return [new Secret(value)]
  const pair = Buffer.from(value, 'base64').toString()
  return [value, pair, pair.slice(pair.indexOf(':') + 1)].map((text) => new Secret(text))
}
