/** The `Authorization` header: its value, and what of it is secret. */
import { Secret } from '../redact/secret.ts'

/** What a request presents: a token, or a password with its user name. */
export interface Presentable {
  token: Secret
  username?: string | undefined
  /** The key that the token is bound to. */
  dpopKey?: Secret | undefined
}

/**
 * The value of the `Authorization` header: DPoP (RFC 9449 §7.1) for a token that is bound to a key, Bearer (RFC 6750), or Basic (RFC 7617) where there is a user name,
 * and then the token is the password.
 */
export function authorizationOf({ token, username, dpopKey }: Presentable): Secret {
  if (username === undefined)
    return new Secret(`${dpopKey === undefined ? 'Bearer' : 'DPoP'} ${token.reveal()}`)
  return new Secret(`Basic ${Buffer.from(`${username}:${token.reveal()}`).toString('base64')}`)
}

/** The parts of a header's value that must not be shown: all but the scheme, and for Basic the encoded pair too. */
export function secretsOf(authorization: Secret): Secret[] {
  const [scheme = '', value = ''] = authorization.reveal().split(/ (.*)/s)
  if (scheme !== 'Basic') return [new Secret(value)]
  const pair = Buffer.from(value, 'base64').toString()
  return [value, pair, pair.slice(pair.indexOf(':') + 1)].map((text) => new Secret(text))
}
