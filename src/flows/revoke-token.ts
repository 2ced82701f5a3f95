/** Token revocation (RFC 7009). */
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
 * Tells the server that a token must no longer work. A token that it does not know is a success (RFC 7009 §2.2).
 * @throws Fault `unreachable`, `server_error`, `login_denied`.
 */
export async function revokeToken(
  request: RevokeRequest,
  context: { fetch: Fetch; signal: AbortSignal },
): Promise<void> {
  const { client, config, toFault } = await configure(request, request.clientId, context)
  try {
    await client.tokenRevocation(config, request.token.reveal(), { token_type_hint: request.kind })
  } catch (error) {
    throw toFault(error)
  }
}
