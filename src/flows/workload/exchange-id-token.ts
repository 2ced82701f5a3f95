/** The token exchange grant (RFC 8693): the ID token of a job for a short-lived token of a fob server. */
import { FOB_CLI_ID } from '../../contract/cli-oauth-client.ts'
import { Fault } from '../../contract/fault.ts'
import { TOKEN_EXCHANGE_GRANT } from '../../contract/token-exchange.ts'
import { isLoopbackHost } from '../../platform/network/is-loopback-host.ts'
import type { Secret } from '../../redact/secret.ts'
import { configure } from '../configure-openid-client.ts'
import type { TokenSet } from '../flow-types.ts'
import { isJudgement } from '../oauth-errors-to-faults.ts'
import { idTokenName, type IdTokenSource } from './find-id-token.ts'
import type { IdTokenContext } from './read-id-token.ts'

const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token'

export interface Exchange {
  /** A fob server, which the user has named: the token endpoint is at its own address, not where metadata point. */
  server: string
  idToken: Secret
  source: IdTokenSource
  /** Empty: all that the server grants this job. */
  scopes: readonly string[]
}

/** The token endpoint of a fob server. */
export function tokenEndpointOf(server: string): string {
  return `${server}/oauth/token`
}

/**
 * There is no refresh token: the next token is got with the next ID token.
 * @throws Fault `unauthenticated` where the server does not accept the ID token, `unreachable`, `server_error`;
 * `config` where it would travel in the clear; the signal's reason
 */
export async function exchangeIdToken(exchange: Exchange, context: IdTokenContext): Promise<TokenSet> {
  const { server, idToken, source, scopes } = exchange
  requirePrivate(server)
  const endpoints = { issuer: server, tokenEndpoint: tokenEndpointOf(server) }
  const { client, config, redeemed, refusalOf, toFault } = await configure(endpoints, FOB_CLI_ID, context)
  try {
    const response = await client.genericGrantRequest(config, TOKEN_EXCHANGE_GRANT, {
      subject_token: idToken.reveal(),
      subject_token_type: ID_TOKEN,
      ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
    })
    return redeemed(response, context.clock, scopes).tokens
  } catch (error) {
    const refusal = refusalOf(error)
    if (refusal !== undefined && isJudgement(refusal)) throw notAccepted(exchange, refusal.error)
    throw toFault(error, `get a token for ${idTokenName(source)}`)
  }
}

/** No setting permits this over http: the ID token is the identity of the job, wherever it is presented. */
function requirePrivate(server: string): void {
  const { protocol, hostname } = new URL(server)
  if (protocol === 'https:' || isLoopbackHost(hostname)) return
  throw new Fault('config', `${server} would be sent the ID token of this job in the clear`, {
    hint: 'use https; plain http is for this machine alone',
  })
}

/** @param error of the response; the server says why in its log alone */
function notAccepted({ server, source, scopes }: Exchange, error: string | undefined): Fault {
  if (error === 'invalid_scope') {
    return new Fault('login_denied', `${server} does not grant this job ${scopes.join(' ')}`, {
      hint: 'leave --scope out for all that it grants',
    })
  }
  const flags = source.kind === 'file' ? 'URL' : `${source.kind} --trusted-issuer-repositories OWNER/NAME`
  return new Fault('unauthenticated', `${server} does not accept ${idTokenName(source)}`, {
    hint: `the server's log says why; its operator sets whose jobs it takes: fob server --trusted-issuer ${flags}`,
  })
}
