/** The refresh token grant (RFC 6749 §6). */
import { Fault } from '../contract/fault.ts'
import { present } from '../contract/omit-undefined.ts'
import type { Clock } from '../platform/clock.ts'
import type { Fetch } from '../platform/fetch-type.ts'
import type { Secret } from '../redact/secret.ts'
import type { ClientSecret, TokenSet } from './flow-types.ts'
import { configure } from './configure-openid-client.ts'
import { isJudgement } from './oauth-errors-to-faults.ts'

export interface RefreshRequest {
  issuer: string
  tokenEndpoint: string
  clientId: string
  refreshToken: Secret
  clientSecret?: ClientSecret
  /** What the tokens are for (RFC 8707). */
  resource?: string
  /** The scopes of the old token, which hold where the response names none. */
  scopes: readonly string[]
  /** The key that the refresh token is bound to. */
  dpopKey?: Secret
}

export interface RefreshContext {
  clock: Clock
  fetch: Fetch
  signal: AbortSignal
}

/**
 * `revoked` on `invalid_grant`: this refresh token is used up, revoked or expired. `refused` when the server judged the
 * request and said so in another way: league/oauth2-server 8 responds with 401 `invalid_request`, Glewlwyd with 400 and
 * no body; then it could also be the client that it no longer knows.
 */
export type Refresh =
  | { kind: 'renewed'; tokens: TokenSet }
  | { kind: 'revoked' }
  | { kind: 'refused'; fault: Fault }

/**
 * New tokens for a refresh token. A server that rotates sends a new one with them; where it does not, the old one
 * stays good and is in the result.
 * @throws Fault `unreachable`, `server_error`; none of these says anything about the token.
 */
export async function refreshTokens(request: RefreshRequest, context: RefreshContext): Promise<Refresh> {
  const { clientId, dpopKey } = request
  const fetch =
    dpopKey === undefined ? context.fetch : (await import('./dpop/dpop.ts')).provingFetch(dpopKey, context)
  const { client, config, redeemed, refusalOf, toFault } = await configure(request, clientId, {
    ...context,
    fetch,
    ...present({ clientSecret: request.clientSecret }),
  })
  try {
    const response = await client.refreshTokenGrant(
      config,
      request.refreshToken.reveal(),
      present({ resource: request.resource }),
    )
    const { tokens } = redeemed(response, context.clock, request.scopes)
    return { kind: 'renewed', tokens: { refreshToken: request.refreshToken, ...tokens } }
  } catch (error) {
    const refusal = refusalOf(error)
    if (refusal?.error === 'invalid_grant') return { kind: 'revoked' }
    const fault = toFault(error, 'refresh the login')
    if (fault instanceof Fault && refusal !== undefined && isJudgement(refusal)) {
      return { kind: 'refused', fault }
    }
    throw fault
  }
}
