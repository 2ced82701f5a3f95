/** The tokens of an identity provider: read from its response, and refreshed when they have expired. */
import type { Configuration, TokenEndpointResponse, TokenEndpointResponseHelpers } from 'openid-client'
import { Fault } from '../../../contract/fault.ts'
import { Secret } from '../../../redact/secret.ts'
import type { OpenidClient } from './code-flow-client.ts'
import type { ProviderTokens, ReadAgain } from './identity-provider-types.ts'

type TokenResponse = TokenEndpointResponse & TokenEndpointResponseHelpers

/** A token that ends within this time could end on its way. */
const NEARLY_MS = 60_000

/** @param before a refresh that brings no new refresh token leaves the old one valid (RFC 6749 §6). */
export function tokensOf(response: TokenResponse, now: number, before?: ProviderTokens): ProviderTokens {
  const { access_token: access, refresh_token: refresh } = response
  const expiresIn = response.expiresIn()
  return {
    accessToken: new Secret(access),
    refreshToken: refresh === undefined ? before?.refreshToken : new Secret(refresh),
    expiresAt: expiresIn === undefined ? undefined : now + expiresIn * 1000,
  }
}

export function hasExpired({ expiresAt }: ProviderTokens, now: number): boolean {
  return expiresAt !== undefined && expiresAt - NEARLY_MS <= now
}

/**
 * New tokens, stored before anybody uses them: most identity providers take a refresh token once.
 * @throws Fault `unauthenticated` where there is no refresh token
 */
export async function refreshTokens(
  { client, config }: { client: OpenidClient; config: Configuration },
  { tokens, now, store }: ReadAgain,
): Promise<{ tokens: ProviderTokens; response: TokenResponse }> {
  if (tokens.refreshToken === undefined) {
    throw new Fault('unauthenticated', 'the token has expired, and none came to refresh it')
  }
  const response = await client.refreshTokenGrant(config, tokens.refreshToken.reveal())
  const renewed = tokensOf(response, now, tokens)
  store(renewed)
  return { tokens: renewed, response }
}

/** RFC 6749's, RFC 6750's and GitHub's codes for a token that is good no longer. */
const NO_LONGER_GOOD = new Set(['invalid_grant', 'invalid_token', 'bad_refresh_token'])

/** Whether an identity provider said that it takes a token no longer, wherever in the chain of causes it is. */
function refusesToken(error: unknown): boolean {
  for (let at = error, depth = 0; at !== undefined && at !== null && depth < 5; depth++) {
    if (at instanceof Response) return at.status === 401
    if (!(at instanceof Error)) return false
    if (at instanceof Fault && at.code === 'unauthenticated') return true
    if ('error' in at && typeof at.error === 'string' && NO_LONGER_GOOD.has(at.error)) return true
    at = at.cause
  }
  return false
}

/** The fault of a failed attempt to read a person's memberships again: `unauthenticated` where tokens are refused. */
export function readAgainFault(error: unknown, fault: Fault): Fault {
  if (!refusesToken(error)) return fault
  return new Fault('unauthenticated', 'the identity provider takes the tokens of the last login no longer', {
    cause: error,
  })
}
