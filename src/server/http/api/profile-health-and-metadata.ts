/** Who calls, and whether the server runs: profile, user information, health, and the metadata of RFC 9728. */
import type { ProfileResponse } from '../../../contract/api/profile.ts'
import { ALL_SCOPES } from '../../../contract/token-scopes.ts'
import { derived } from '../../auth/compute-once-per-object.ts'
import type { Principal } from '../../access-rules/principal.ts'
import { DISK_FULL } from '../../disk-space.ts'
import { HttpError, noOAuth } from '../response/http-error.ts'
import { json, jsonText } from '../response/json-response.ts'
import type { Handler } from '../request-context.ts'

/** `GET /health`: whether the server can do its work; 503 where it cannot store anything. */
export const health: Handler = (_call, { settings: { version, strategy }, disk }) =>
  disk.isFull()
    ? json({ status: 'degraded', version, strategy, reason: DISK_FULL }, { status: 503 })
    : json({ status: 'ok', version, strategy })

/** `GET /health/live`: whether the process responds, whatever else is wrong: restarting it would help nothing. */
export const alive: Handler = (_call, { settings: { version, strategy } }) =>
  json({ status: 'ok', version, strategy })

/** `GET /api/v1/profile`: whose credential the request has. */
export const profile: Handler = ({ principal }) => jsonText(profileText(principal))

/** Serialized once per principal, which is one object for as long as nothing about it changes. */
const profileText = derived((principal: Principal) => JSON.stringify(profileOf(principal)))

export function profileOf(principal: Principal): ProfileResponse {
  return {
    id: principal.id,
    email: principal.email,
    name: principal.name,
    nickName: principal.nickName,
    provider: principal.provider,
    role: principal.role,
    tenant: principal.tenant.slug,
    scopes: [...principal.scopes],
  }
}

/** `/oauth/userinfo` (OpenID Connect Core §5.3), for clients that do not know our profile route. */
export const userinfo: Handler = ({ principal }, { settings }) => {
  if (settings.strategy !== 'oauth') throw noOAuth()
  // For the access token of a login, of any program: other credentials have no user information (RFC 6750 §3.1).
  if (principal.credential.kind !== 'jwt') {
    throw new HttpError(403, 'insufficient_scope', 'this is for logins, not for tokens of another kind', {
      headers: { 'www-authenticate': 'Bearer realm="fob", error="insufficient_scope", scope="openid"' },
      details: { hint: 'GET /api/v1/profile says whom a token belongs to' },
    })
  }
  return json({
    sub: principal.id,
    email: principal.email,
    name: principal.name,
    nickname: principal.nickName,
  })
}

const WELL_KNOWN_RESOURCE = '/.well-known/oauth-protected-resource'

/**
 * RFC 9728: the authorization server of this API. Under `/mcp` the same for that address: strict hosts compare it with
 * the address that they were given (§3.3).
 */
export const protectedResource: Handler = ({ url }, { settings }) => {
  if (settings.strategy !== 'oauth') throw noOAuth()
  return json({
    resource: `${settings.url}${url.pathname.slice(WELL_KNOWN_RESOURCE.length)}`,
    authorization_servers: [settings.url],
    scopes_supported: ALL_SCOPES,
    bearer_methods_supported: ['header'],
  })
}
