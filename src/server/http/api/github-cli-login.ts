/** `GET /api/auth/github`: a login with GitHub for a program without an OAuth client. */
import * as v from 'valibot'
import type { Purpose } from '../../issuer/identity-providers/pending-login-cookie.ts'
import { HttpError } from '../response/http-error.ts'
import type { Handler } from '../request-context.ts'
import { sendToIdentityProvider } from '../login/identity-provider-routes.ts'

const query = v.object({
  cli: v.optional(v.picklist(['true', 'false'], 'cli takes true or false'), 'false'),
  redirect_uri: v.optional(v.string()),
  state: v.optional(v.pipe(v.string(), v.maxLength(512, 'state is too long'))),
  code_challenge: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^[\w-]{43}$/, 'code_challenge takes the SHA-256 of the verifier, in base64url'),
    ),
  ),
  code_challenge_method: v.optional(v.literal('S256', 'code_challenge_method takes S256')),
})

/**
 * `GET /api/auth/github`: to GitHub, and back to our own pages, logged in. With `cli=true&redirect_uri=`, back to a
 * program on the same machine instead: with `token`; or, if it sent a `code_challenge`, with `code`, which it exchanges
 * at `POST /api/auth/token`, so that no token is ever in an address.
 */
export const githubLogin: Handler = (call, services) => {
  const params = [...call.url.searchParams]
  const parsed = v.safeParse(query, Object.fromEntries(params))
  if (!parsed.success || new Set(params.map(([name]) => name)).size !== params.length) {
    const message = parsed.issues?.[0].message ?? 'a parameter is given twice'
    throw new HttpError(400, 'invalid_request', message)
  }
  const { cli, redirect_uri: redirectUri, state, code_challenge: codeChallenge } = parsed.output
  if (cli === 'false') {
    if (redirectUri !== undefined) {
      throw new HttpError(400, 'invalid_request', 'redirect_uri needs cli=true')
    }
    return sendToIdentityProvider('github', { kind: 'page', next: '/' }, call, services)
  }
  if (redirectUri === undefined || !isLoopback(redirectUri)) {
    throw new HttpError(
      400,
      'invalid_redirect_uri',
      'redirect_uri takes http on 127.0.0.1, [::1] or localhost',
    )
  }
  const purpose: Purpose = {
    kind: 'cli',
    redirectUri,
    state: state ?? null,
    codeChallenge: codeChallenge ?? null,
  }
  return sendToIdentityProvider('github', purpose, call, services)
}

/** Whether the address is a program on the machine of the browser, as a browser parses it. */
function isLoopback(text: string): boolean {
  const url = URL.parse(text)
  return (
    url !== null &&
    text.length <= 1000 &&
    !/[\s\\\p{Cc}]/u.test(text) &&
    url.protocol === 'http:' &&
    ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname) &&
    url.username === '' &&
    url.password === '' &&
    url.hash === ''
  )
}
