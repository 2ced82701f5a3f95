/** The authorization code grant with PKCE by S256 (RFC 6749 §4.1, RFC 7636). */
import { Fault } from '../contract/fault.ts'
import { present } from '../contract/omit-undefined.ts'
import type { FlowContext, FlowRequest, Redeemed } from './flow-types.ts'
import { configure } from './configure-openid-client.ts'
import { isJudgement } from './protocol-faults.ts'
import { revokeArrived } from './revoke-token.ts'
import type { Refusal } from './read-protocol-response.ts'

/** One authorization request and what becomes of its code. */
export interface CodeGrant {
  /** Fresh for this login. */
  state: string
  /** The address that the person approves at; for one redirect of a grant, not for several. */
  authorizeUrl(redirectUri: string): Promise<string>
  /**
   * Exchanges the code of a response, which has the shape of a redirect: the redirect URI with the server's
   * parameters. Checks `error`, `state`, and `iss` where the server sends it (RFC 9207).
   * @throws Fault `login_denied`, `unreachable`, `server_error`; the signal's reason.
   */
  redeem(response: URL): Promise<Redemption>
  /** An error that was thrown while the grant was under way, as a fault. */
  toFault(error: unknown): unknown
}

/** `refused` when the server does not know the code, or not from us: another code may be the right one. */
type Redemption = { kind: 'redeemed'; redeemed: Redeemed } | { kind: 'refused'; fault: Fault }

/** The verifier lives in this closure alone: it is never written, and is sent to the token endpoint only. */
export async function codeGrant(request: FlowRequest, context: FlowContext): Promise<CodeGrant> {
  const { provider, clientId, scopes } = request
  const configured = await configure(provider, clientId, context)
  const { client, config, redeemed, refusalOf, toFault } = configured
  const verifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  return {
    state,
    authorizeUrl: async (redirectUri) => {
      const parameters: Record<string, string> = present({
        redirect_uri: redirectUri,
        state,
        code_challenge: await client.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        scope: scopes.length === 0 ? undefined : scopes.join(' '),
        // OpenID Connect Core §11: without it the server must not give a refresh token.
        prompt: scopes.includes('offline_access') ? 'consent' : undefined,
      })
      return client.buildAuthorizationUrl(config, parameters).href
    },
    redeem: async (response) => {
      try {
        const tokens = await client.authorizationCodeGrant(config, response, {
          pkceCodeVerifier: verifier,
          expectedState: state,
        })
        return { kind: 'redeemed', redeemed: redeemed(tokens, context.clock, scopes) }
      } catch (error) {
        await revokeArrived(configured, request, context.fetch)
        const fault = toFault(error, 'exchange the authorization code')
        const refusal = refusalOf(error)
        if (fault instanceof Fault && refusal !== undefined && isAboutCode(refusal)) {
          return { kind: 'refused', fault }
        }
        throw fault
      }
    },
    toFault: (error) => toFault(error),
  }
}

/** What another code would not mend: it is about the client, or about what was asked for. */
const NOT_ABOUT_CODE: ReadonlySet<string> = new Set([
  'access_denied',
  'invalid_client',
  'invalid_dpop_proof',
  'invalid_scope',
  'invalid_target',
  'unauthorized_client',
  'unsupported_grant_type',
  'use_dpop_nonce',
])

/** RFC 6749 §5.2 says `invalid_grant`; servers also say `invalid_request`, `invalid_code`, or nothing at all. */
function isAboutCode(refusal: Refusal): boolean {
  const { status, error } = refusal
  const noEndpoint = error === undefined && (status === 404 || status === 405)
  return isJudgement(refusal) && !noEndpoint && !NOT_ABOUT_CODE.has(error ?? '')
}
