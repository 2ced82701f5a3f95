/** Ends credentials on the server: at a logout, and when a new login has replaced an older one. */
import * as v from 'valibot'
import { Fault } from '../contract/fault.ts'
import type { TokenSet } from '../flows/flow-types.ts'
import { Secret } from '../redact/secret.ts'
import type { Credential, Replaced } from '../store/store-interface.ts'
import type { ServerContext } from './api-client.ts'

/**
 * Tells the server that a credential must no longer work.
 * @returns why the server could not be told, or undefined when it was, or there was nothing to tell.
 */
export async function revokeCredential(
  credential: Credential,
  context: ServerContext,
): Promise<string | undefined> {
  const { oauth, token, refreshToken } = credential
  // A password is not ours to revoke, and nobody expects it.
  if (credential.kind === 'basic') return undefined
  const revocationEndpoint = oauth?.revocationEndpoint
  if (oauth === undefined) return revokeGivenToken(token, context)
  if (revocationEndpoint === undefined) return 'it has no way to revoke one'
  const { revokeToken } = await import('../flows/revoke-token.ts')
  const request = { issuer: oauth.issuer, revocationEndpoint, clientId: oauth.clientId }
  try {
    // The refresh token first: it is the one that lives long.
    if (refreshToken !== undefined) {
      await revokeToken({ ...request, token: refreshToken, kind: 'refresh_token' }, context)
    }
    await revokeToken({ ...request, token, kind: 'access_token' }, context)
    return undefined
  } catch (error) {
    return reasonOf(error)
  }
}

/** How long a completed login waits for the server to revoke the one before it. */
const REVOKE_REPLACED_MS = 5000

/**
 * Revokes the login that a new one has replaced: nothing here could do so any more. A token that was given to us is
 * left alone, as it can be in use elsewhere.
 * @param by the tokens of the new login
 * @param fob whether the server is one of ours, where each login has a grant of its own. Elsewhere the two can
 * be one session, and what ends the old login would end the new one.
 * @returns what to say about it; undefined where there was nothing to revoke.
 */
export async function revokeReplaced(
  replaced: Replaced,
  by: TokenSet,
  context: ServerContext,
  { fob }: { fob: boolean },
): Promise<string | undefined> {
  if (replaced.kind === 'unreadable') return notRevoked(replaced.reason)
  const { credential } = replaced
  if (credential.oauth === undefined || !fob || shareToken(credential, by)) return undefined
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(REVOKE_REPLACED_MS)])
  const problem = await revokeCredential(credential, { ...context, signal })
  return problem === undefined ? 'The login before it is revoked' : notRevoked(problem)
}

function notRevoked(problem: string): string {
  return `warning: the server may still accept the login before it, ${problem}`
}

/** Whether both have a token in common: it is the same login, stored once more. */
function shareToken({ token, refreshToken }: Credential, by: TokenSet): boolean {
  if (token.reveal() === by.accessToken.reveal()) return true
  return refreshToken !== undefined && refreshToken.reveal() === by.refreshToken?.reveal()
}

/** A token that was given to us: for one of our servers' there is an API, and its prefix tells it. */
async function revokeGivenToken(token: Secret, context: ServerContext): Promise<string | undefined> {
  if (!token.reveal().startsWith('ci_')) return 'revoke it where it was created'
  const { openApi } = await import('./api-client.ts')
  const authorization = new Secret(`Bearer ${token.reveal()}`)
  const api = openApi({ ...context, tenant: undefined, authorization: async () => authorization })
  try {
    await api.request({ method: 'DELETE', path: '/api/auth/cli-tokens/current', schema: v.unknown() })
    return undefined
  } catch (error) {
    // A token that the server does not accept has ended already.
    if (error instanceof Fault && error.code === 'unauthenticated') return undefined
    return reasonOf(error)
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Fault ? error.message : 'it could not be told'
}
