/** The refresh token grant (RFC 6749 §6). */
import type { Clock } from '../platform/clock.ts'
import type { Fetch } from '../platform/fetch-type.ts'
import type { Secret } from '../redact/secret.ts'
import type { TokenSet } from './flow-types.ts'
import { configure } from './configure-openid-client.ts'

export interface RefreshRequest {
  issuer: string
  tokenEndpoint: string
  clientId: string
  refreshToken: Secret
  /** The scopes of the old token, which hold where the response names none. */
  scopes: readonly string[]
}

export interface RefreshContext {
  clock: Clock
  fetch: Fetch
  signal: AbortSignal
}

/**
 * New tokens for a refresh token. A server that rotates sends a new one with them; where it does not, the old one
 * stays good and is in the result.
 * @returns 'refused' on `invalid_grant`: this refresh token is used up, revoked or expired.
 * @throws Fault `unreachable`, `server_error`, `login_denied`; none of these says anything about the token.
 */
export async function refreshTokens(
  request: RefreshRequest,
  context: RefreshContext,
): Promise<TokenSet | 'refused'> {
  const { client, config, redeemed, toFault } = await configure(request, request.clientId, context)
  try {
    const response = await client.refreshTokenGrant(config, request.refreshToken.reveal())
    const { tokens } = redeemed(response, context.clock, request.scopes)
    return { refreshToken: request.refreshToken, ...tokens }
  } catch (error) {
    if (error instanceof client.ResponseBodyError && error.error === 'invalid_grant') return 'refused'
    throw toFault(error, 'refresh the login')
  }
}
