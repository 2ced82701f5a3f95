import type { Fault } from '../contract/fault.ts'
import type { FlowContext, FlowRequest, Obtained } from './flow.ts'
import { configure, toTokenSet } from './oauth-client.ts'

/** One authorization request and what becomes of its code. */
export interface CodeGrant {
  /** Fresh for this login (S201). */
  state: string
  /** The address that the person approves at; for one redirect of a grant, not for several. */
  authorizeUrl(redirectUri: string): Promise<string>
  /**
   * Exchanges the code of an answer, which has the shape of a redirect: the redirect URI with the server's
   * parameters. Checks `error`, `state`, and `iss` where the server sends it (RFC 9207).
   * @returns `refused` when the server does not know the code, or not from us: another may be the right one.
   * @throws Fault `login_denied`, `unreachable`, `server_error`; the signal's reason.
   */
  redeem(answer: URL): Promise<Redeemed | { refused: Fault }>
  /** Whatever was thrown while the grant was under way, as a fault. */
  toFault(error: unknown): unknown
}

export type Redeemed = Pick<Obtained, 'tokens' | 'identity'>

/**
 * The authorization code grant with PKCE by S256 (RFC 6749 §4.1, RFC 7636; S200). The verifier lives in this
 * closure alone: it is never written, and leaves the process only towards the token endpoint (S219, S239).
 */
export async function codeGrant(request: FlowRequest, context: FlowContext): Promise<CodeGrant> {
  const { provider, clientId, scopes } = request
  const { client, config, identity, refusal, toFault } = await configure(provider, clientId, context)
  const verifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  return {
    state,
    authorizeUrl: async (redirectUri) => {
      const url = client.buildAuthorizationUrl(config, {
        redirect_uri: redirectUri,
        state,
        code_challenge: await client.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
        // OpenID Connect Core §11: without it the server must not give a refresh token.
        ...(scopes.includes('offline_access') ? { prompt: 'consent' } : {}),
      })
      return url.href
    },
    redeem: async (answer) => {
      try {
        const response = await client.authorizationCodeGrant(config, answer, {
          pkceCodeVerifier: verifier,
          expectedState: state,
        })
        const who = identity(response, context.clock)
        return {
          tokens: toTokenSet(response, context.clock, scopes),
          ...(who === undefined ? {} : { identity: who }),
        }
      } catch (error) {
        if (error instanceof client.ResponseBodyError && error.error === 'invalid_grant') {
          return { refused: refusal(error) }
        }
        throw toFault(error)
      }
    },
    toFault,
  }
}
