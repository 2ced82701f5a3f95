/** The authorization code grant with PKCE by S256 (RFC 6749 §4.1, RFC 7636). */
import type { AuthorizationCodeGrantChecks } from 'openid-client'
import { Fault } from '../contract/fault.ts'
import { present } from '../contract/omit-undefined.ts'
import { bindTokens } from './dpop/decide-token-binding.ts'
import type { Flow, FlowContext, FlowRequest, Redeemed } from './flow-types.ts'
import { configure } from './configure-openid-client.ts'
import { isJudgement } from './oauth-errors-to-faults.ts'
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
  const binding = await bindTokens(request, context)
  const secrets = await freshSecrets(scopes)
  const { state, nonce } = secrets
  const checks: AuthorizationCodeGrantChecks = { pkceCodeVerifier: secrets.verifier, expectedState: state }
  const configured = await configure(provider, clientId, {
    ...present({ fetch: context.fetch, signal: context.signal, machine: context.machine, binding, nonce }),
    ...present({ clientSecret: request.clientSecret }),
    // A nonce that is expected makes openid-client require an ID token. Servers that take scope `openid` and issue none
    // exist, so it is expected once there is one: the checks are read after the response has come.
    onIdToken: () => Object.assign(checks, present({ expectedNonce: nonce })),
  })
  const { client, config, redeemed, refusalOf, toFault } = configured
  const pushed = request.pushed === true || provider.requiresPushed === true
  return {
    state,
    authorizeUrl: async (redirectUri) => {
      const parameters = await parametersOf(secrets, redirectUri, request)
      if (!pushed) return client.buildAuthorizationUrl(config, parameters).href
      if (provider.pushedAuthorizationEndpoint === undefined) throw noPush(provider.issuer)
      const push = () => client.buildAuthorizationUrlWithPAR(config, parameters)
      const url = await binding.attempt(push, refusalOf)
      context.ui.say('The server takes the address below for a short time only, often a minute: open it now.')
      return url.href
    },
    redeem: async (response) => {
      try {
        const exchange = () =>
          client.authorizationCodeGrant(config, response, checks, present({ resource: request.resource }))
        const tokens = await binding.attempt(exchange, refusalOf)
        return { kind: 'redeemed', redeemed: redeemed(tokens, context.clock, scopes) }
      } catch (error) {
        await revokeArrived(configured, request, context.fetch)
        const fault = toFault(error, 'exchange the authorization code')
        if (!(fault instanceof Fault)) throw fault
        const refusal = refusalOf(error)
        if (refusal !== undefined && isAboutCode(refusal)) {
          return { kind: 'refused', fault: withHint(fault, binding.hint) }
        }
        const isOfRequest =
          error instanceof client.AuthorizationResponseError && error.error === 'invalid_request'
        const mayWantPush = isOfRequest && !pushed && provider.pushedAuthorizationEndpoint !== undefined
        throw mayWantPush ? new PushWanted(fault) : fault
      }
    },
    toFault: (error) => toFault(error),
  }
}

/**
 * The request was refused, and the reason may be that this client has to push it, which metadata do not say of one
 * client (RFC 9126 §6).
 */
class PushWanted extends Fault {
  constructor(fault: Fault) {
    super(fault.code, fault.message, { hint: fault.hint, cause: fault })
  }
}

/** The same flow, which starts again with a pushed request where the first was refused for want of it. */
export function pushingOnDemand(flow: Flow): Flow {
  return async (request, context) => {
    try {
      return await flow(request, context)
    } catch (error) {
      if (!(error instanceof PushWanted)) throw error
      context.ui.say(`${error.message}. Once more, with a request that is pushed first (RFC 9126):`)
      return flow({ ...request, pushed: true }, context)
    }
  }
}

/** The authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3). */
async function parametersOf(
  { state, nonce, verifier }: LoginSecrets,
  redirectUri: string,
  { scopes, resource }: FlowRequest,
): Promise<Record<string, string>> {
  const client = await import('openid-client')
  return present({
    redirect_uri: redirectUri,
    state,
    nonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    resource,
    scope: scopes.length === 0 ? undefined : scopes.join(' '),
    // OpenID Connect Core §11: without it the server must not give a refresh token.
    prompt: scopes.includes('offline_access') ? 'consent' : undefined,
  })
}

interface LoginSecrets {
  state: string
  verifier: string
  nonce: string | undefined
}

/** OpenID Connect Core §3.1.2.1; some servers (Glewlwyd) refuse scope `openid` without a nonce. */
async function freshSecrets(scopes: readonly string[]): Promise<LoginSecrets> {
  const client = await import('openid-client')
  return {
    state: client.randomState(),
    verifier: client.randomPKCECodeVerifier(),
    nonce: scopes.includes('openid') ? client.randomNonce() : undefined,
  }
}

function withHint(fault: Fault, hint: string | undefined): Fault {
  return new Fault(fault.code, fault.message, { hint: fault.hint ?? hint, cause: fault })
}

function noPush(issuer: string): Fault {
  return new Fault('config', `${issuer} does not take pushed authorization requests`, {
    hint: 'log in without --par',
  })
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
