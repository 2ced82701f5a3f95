/** What OAuth servers of other makers do differently, each as the real one was seen to do it. */
import type { Behaviour } from '../servers/oauth-server.ts'

type Quirk = Partial<Behaviour>
type Asked = Parameters<NonNullable<Behaviour['instead']>>[0]

const isRefresh = ({ path, form }: Asked) =>
  path === '/oauth/token' && form.get('grant_type') === 'refresh_token'
const isExchange = ({ path, form }: Asked) =>
  path === '/oauth/token' && form.get('grant_type') === 'authorization_code'

/** OpenAuth 0.4.3: tokens without their type, and no scope. */
export const OPENAUTH: Quirk = {
  writeTokens: ({ access_token, refresh_token, expires_in }) =>
    Response.json({ access_token, refresh_token, expires_in }),
}

/** GitHub without an `Accept` that it honours: a form instead of JSON. */
export const FORM_TOKENS: Quirk = {
  writeTokens: (tokens) =>
    new Response(
      new URLSearchParams(
        Object.entries(tokens).map(([name, value]): [string, string] => [name, String(value)]),
      ),
    ),
}

/** league/oauth2-server 8.5, so Laravel Passport up to 12: other errors, no metadata, no revocation. */
export const PASSPORT: Quirk = {
  metadata: 'none',
  instead: (asked) => {
    if (asked.path === '/oauth/revoke') return new Response('<!DOCTYPE html><p>Not Found', HTML_404)
    if (isRefresh(asked)) return leagueError('The refresh token is invalid.', 401)
    return isExchange(asked) && asked.form.get('code') === 'wrong'
      ? leagueError('Check the `code` parameter', 400)
      : undefined
  },
}

/** Glewlwyd 2.7.5: a refused refresh token is 400 with nothing else, an unknown code 403 with its own word. */
export const GLEWLWYD: Quirk = {
  instead: (asked) => {
    if (isRefresh(asked)) return new Response(null, { status: 400 })
    return isExchange(asked) && asked.form.get('code') === 'wrong'
      ? Response.json({ error: 'invalid_code' }, { status: 403 })
      : undefined
  },
}

/** LemonLDAP::NG 2.16.1. */
export const LEMONLDAP: Quirk = {
  instead: (asked) =>
    isRefresh(asked) ? Response.json({ error: 'invalid_request' }, { status: 400 }) : undefined,
}

/** GitHub: refusals under 200. */
export const GITHUB: Quirk = {
  instead: (asked) => (isRefresh(asked) ? Response.json({ error: 'invalid_grant' }) : undefined),
}

/** oauth2-mock-server 9.3.0: RFC 9457, and nothing of OAuth. */
export const MOCK_SERVER: Quirk = {
  instead: (asked) =>
    isExchange(asked) && asked.form.get('code') === 'wrong'
      ? Response.json(
          { type: 'about:blank', title: 'Bad Request', status: 400, detail: 'the verifier does not fit' },
          { status: 400, headers: { 'content-type': 'application/problem+json' } },
        )
      : undefined,
}

/** Better Auth 1.7.5: the access token ends with the refresh token, and revoking it then is an error. */
export function betterAuth(): Quirk {
  let revoked = 0
  return {
    instead: ({ path }) => {
      if (path !== '/oauth/revoke') return undefined
      revoked += 1
      if (revoked === 1) return new Response(null)
      const refusal = { error: 'invalid_request', error_description: 'Invalid access token' }
      return Response.json(refusal, { status: 400 })
    },
  }
}

const HTML_404 = { status: 404, headers: { 'content-type': 'text/html' } }

function leagueError(hint: string, status: number): Response {
  const words = 'The request is missing a required parameter, or is otherwise malformed.'
  const refusal = { error: 'invalid_request', error_description: words, hint, message: words }
  return Response.json(refusal, { status })
}
