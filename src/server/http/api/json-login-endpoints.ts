/** The JSON API of logins: with a password, by refresh token, by one-time code. All responses are `no-store`. */
import * as v from 'valibot'
import { Secret } from '../../../redact/secret.ts'
import { accountIdOf, type User } from '../../accounts/user-types.ts'
import { readPresented } from '../../auth/auth.ts'
import type { IssuedTokens } from '../../issuer/tokens/tokens-for-json-logins.ts'
import { HttpError } from '../response/http-error.ts'
import { json } from '../response/json-response.ts'
import { readBody } from '../request/request-body.ts'
import { byUser, refusedLogin } from '../audit-entry-from-request.ts'
import type { Call, Handler } from '../request-context.ts'
import { profileOf } from './profile-health-and-metadata.ts'
import { tooManyAttempts } from '../guards/rate-limits.ts'
import { requireIssuer, type Services } from '../handler-services.ts'

const loginBody = v.strictObject({
  email: v.pipe(v.string(), v.maxLength(254, 'an e-mail has at most 254 characters')),
  password: v.pipe(v.string(), v.maxLength(1024, 'a password has at most 1024 characters')),
})
const token = v.pipe(v.string(), v.nonEmpty('the token is empty'), v.maxLength(4096, 'the token is too long'))
const refreshBody = v.strictObject({ refreshToken: token })
const logoutBody = v.strictObject({ refreshToken: v.optional(token) })
const exchangeBody = v.strictObject({
  code: v.optional(v.pipe(v.string(), v.maxLength(128, 'the code is too long'))),
  codeVerifier: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^[\w.~-]{43,128}$/, 'codeVerifier takes 43 to 128 characters as in RFC 7636'),
    ),
  ),
})

/** `POST /api/auth/login`: for the server's own accounts. */
export const apiLogin: Handler = async (call, services) => {
  const issuer = requireIssuer(services)
  const { email, password } = await readBody(call, loginBody)
  if (!services.settings.passwords) {
    throw new HttpError(404, 'not_found', 'this server has no accounts with a password', {
      details: { hint: 'log in with a browser' },
    })
  }
  const check = await services.accounts.verifyPassword({
    email,
    password: new Secret(password),
    address: call.address,
  })
  if (check.kind === 'wait') throw tooManyAttempts(check.seconds)
  if (check.kind === 'refused') {
    services.audit.record(refusedLogin(call, check.account))
    throw new HttpError(401, 'invalid_credentials', 'that e-mail and password do not match an account here', {
      headers: { 'www-authenticate': 'Bearer realm="fob"' },
    })
  }
  record(call, services, check.user)
  return json(toResponse(await issuer.api.issue(check.user), check.user))
}

/** `POST /api/auth/refresh`: rotates; the old refresh token is not valid afterwards. */
export const apiRefresh: Handler = async (call, services) => {
  const issuer = requireIssuer(services)
  const { refreshToken } = await readBody(call, refreshBody)
  const issued = await issuer.api.refresh(refreshToken)
  const verified = issued && issuer.verifyAccessToken(issued.accessToken.reveal())
  if (!issued || !verified) throw badToken('that refresh token is not valid, or no longer')
  return json(toResponse(issued, verified.user))
}

/**
 * `POST /api/auth/token`: tokens for the one-time code of a login with a browser. Without a code, tokens for the user
 * who is logged in in this browser: another website cannot send that cookie with a POST.
 */
export const apiExchange: Handler = async (call, services) => {
  const issuer = requireIssuer(services)
  const { code, codeVerifier } = await readBody(call, exchangeBody)
  const session = code === undefined ? await issuer.sessionOf(call.request.headers.get('cookie')) : undefined
  const user = code === undefined ? session?.user : await issuer.api.takeCode(code, codeVerifier ?? '')
  if (!user) throw badToken('that code or session is not valid, or no longer')
  // The login that a code belongs to was recorded when the code was created.
  if (session) record(call, services, user, { kind: 'session', id: session.uid })
  return json(toResponse(await issuer.api.issue(user), user))
}

/** `POST /api/auth/logout`: ends the login of the presented token, and that of `refreshToken`. */
export const apiLogout: Handler = async (call, services) => {
  const issuer = requireIssuer(services)
  const { refreshToken } = await readBody(call, logoutBody)
  const presented = readPresented(call.request.headers.get('authorization'))
  const verified = presented.kind === 'bearer' ? issuer.verifyAccessToken(presented.token) : undefined
  if (refreshToken === undefined && !verified) throw badToken('authentication required')
  if (presented.kind === 'bearer' && verified) {
    await issuer.endTokenOf(presented.token)
    const who = byUser(call, verified.user)
    services.audit.record({ ...who, action: 'logout', credential: { kind: 'jwt', id: verified.jti } })
  }
  const owner = refreshToken === undefined ? undefined : await issuer.api.endRefreshToken(refreshToken)
  // With both, they belong to one login, which the lines above have ended.
  if (owner) services.audit.record({ ...byUser(call, owner), action: 'logout' })
  return new Response(null, { status: 204, headers: { 'cache-control': 'no-store' } })
}

/** `GET /api/auth/me`: the same as `/api/v1/profile`, under `user`. */
export const apiMe: Handler = ({ principal }) => json({ user: profileOf(principal) })

function toResponse(tokens: IssuedTokens, user: User) {
  return {
    token: tokens.accessToken.reveal(),
    ...(tokens.refreshToken === undefined ? {} : { refreshToken: tokens.refreshToken.reveal() }),
    expiresIn: tokens.expiresIn,
    user: { id: accountIdOf(user), email: user.email, role: user.role, name: user.name },
  }
}

function record(
  call: Call,
  { log, audit }: Services,
  user: User,
  credential = call.principal.credential,
): void {
  log.info('login', { requestId: call.requestId, address: call.address, user: user.id })
  const who = { ...byUser(call, user), credential }
  audit.record({ ...who, action: 'login', details: { provider: user.provider } })
}

function badToken(message: string): HttpError {
  return new HttpError(401, 'unauthenticated', message, {
    headers: { 'www-authenticate': 'Bearer realm="fob"' },
  })
}
