/** Token revocation (RFC 7009). */
import { Fault } from '../contract/fault.ts'
import type { Secret } from '../redact/secret.ts'
import { configure } from './configure-openid-client.ts'
import type { Fetch } from '../platform/fetch-type.ts'

export interface RevokeRequest {
  issuer: string
  revocationEndpoint: string
  clientId: string
  token: Secret
  kind: 'access_token' | 'refresh_token'
}

/**
 * `invalid` when the server says that there is no such token: RFC 7009 §2.2 calls that a success, and Better Auth
 * refuses it. `unsupported` where there is no such endpoint.
 */
export type Revocation = { kind: 'revoked' } | { kind: 'invalid'; fault: Fault } | { kind: 'unsupported' }

/** How servers say that they do not know a token. */
const UNKNOWN_TOKEN: ReadonlySet<string> = new Set(['invalid_request', 'invalid_token', 'invalid_grant'])
/** No route, or none that takes this: Laravel Passport has none at the conventional path. */
const NO_ENDPOINT: ReadonlySet<number> = new Set([404, 405, 501])

/**
 * Tells the server that a token must no longer work.
 * @throws Fault `unreachable`, `server_error`, `login_denied`.
 */
export async function revokeToken(
  request: RevokeRequest,
  context: { fetch: Fetch; signal: AbortSignal },
): Promise<Revocation> {
  const { client, config, refusalOf, toFault } = await configure(request, request.clientId, context)
  try {
    await client.tokenRevocation(config, request.token.reveal(), { token_type_hint: request.kind })
    return { kind: 'revoked' }
  } catch (error) {
    const fault = toFault(error)
    const refusal = refusalOf(error)
    if (!(fault instanceof Fault) || refusal === undefined) throw fault
    if (NO_ENDPOINT.has(refusal.status)) return { kind: 'unsupported' }
    if (UNKNOWN_TOKEN.has(refusal.error ?? '')) return { kind: 'invalid', fault }
    throw fault
  }
}
