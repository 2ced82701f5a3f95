/** Token revocation (RFC 7009). */
import { Fault } from '../contract/fault.ts'
import type { Secret } from '../redact/secret.ts'
import { configure, type Configured } from './configure-openid-client.ts'
import type { FlowRequest } from './flow-types.ts'
import type { Fetch } from '../platform/fetch-type.ts'

export interface RevokeRequest {
  issuer: string
  revocationEndpoint: string
  clientId: string
  token: Secret
  kind: 'access_token' | 'refresh_token'
}

interface RevokeContext {
  fetch: Fetch
  signal: AbortSignal
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
export async function revokeToken(request: RevokeRequest, context: RevokeContext): Promise<Revocation> {
  const asked = { ...context, asked: 'revocation' } as const
  const { client, config, refusalOf, toFault } = await configure(request, request.clientId, asked)
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

/** Why a credential may still work at its server. `reason` is the end of "the server may still accept it, …". */
export type NotRevoked =
  | { kind: 'no-revocation' }
  /** The token of a CI job: no server can revoke it, and it ends within the hour. */
  | { kind: 'ends-by-itself' }
  | { kind: 'failed'; reason: string }

/**
 * Revokes both tokens of a login: the refresh token first, which is the one that lives long, and with which the access
 * token ends at many servers.
 * @returns why they may still work, or undefined when they do not.
 */
export async function revokeTokens(
  server: Pick<RevokeRequest, 'issuer' | 'revocationEndpoint' | 'clientId'>,
  { accessToken, refreshToken }: { accessToken: Secret; refreshToken?: Secret | undefined },
  context: RevokeContext,
): Promise<NotRevoked | undefined> {
  const first =
    refreshToken && (await revokeOne({ ...server, token: refreshToken, kind: 'refresh_token' }, context))
  if (first?.kind === 'unsupported') return { kind: 'no-revocation' }
  const second = await revokeOne({ ...server, token: accessToken, kind: 'access_token' }, context)
  if (second.kind === 'unsupported') return { kind: 'no-revocation' }
  // RFC 7009 §2.1: Better Auth has ended the access token with the first, and says that it is not valid.
  if (first?.kind === 'revoked' && second.kind === 'invalid') return undefined
  return failureOf(first) ?? failureOf(second)
}

type One = Revocation | Extract<NotRevoked, { kind: 'failed' }>

/** A failure with one token must not keep the other from being revoked. */
async function revokeOne(request: RevokeRequest, context: RevokeContext): Promise<One> {
  try {
    return await revokeToken(request, context)
  } catch (error) {
    return { kind: 'failed', reason: error instanceof Fault ? error.message : 'it could not be told' }
  }
}

function failureOf(one: One | undefined): NotRevoked | undefined {
  if (one?.kind === 'failed') return one
  return one?.kind === 'invalid' ? { kind: 'failed', reason: one.fault.message } : undefined
}

const REVOKE_ARRIVED_MS = 5000

/** Revokes tokens that came with something that was refused, such as another person's ID token; as far as it can. */
export async function revokeArrived(
  { arrived }: Pick<Configured, 'arrived'>,
  { provider, clientId }: FlowRequest,
  fetch: Fetch,
): Promise<void> {
  const tokens = arrived()
  const { issuer, revocationEndpoint } = provider
  if (tokens === undefined || revocationEndpoint === undefined) return
  const signal = AbortSignal.timeout(REVOKE_ARRIVED_MS)
  await revokeTokens({ issuer, revocationEndpoint, clientId }, tokens, { fetch, signal })
}
