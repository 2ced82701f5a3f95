/** Ends credentials on the server: at a logout, and when a new login has replaced an older one. */
import * as v from 'valibot'
import { Fault } from '../contract/fault.ts'
import { present } from '../contract/omit-undefined.ts'
import type { TokenSet } from '../flows/flow-types.ts'
import type { NotRevoked } from '../flows/revoke-token.ts'
import { Secret } from '../redact/secret.ts'
import type { Credential, OAuthClient, Replaced } from '../store/store-interface.ts'
import type { ServerContext } from './api-client.ts'
import { tracedContext } from './trace-requests-for-debug.ts'

/**
 * Tells the server that a credential must no longer work.
 * @returns why it may still work, or undefined when it does not, or there was nothing to tell.
 */
export async function revokeCredential(
  credential: Pick<Credential, 'kind' | 'oauth' | 'token' | 'refreshToken' | 'workload'>,
  context: ServerContext,
): Promise<NotRevoked | undefined> {
  const { oauth, token, refreshToken } = credential
  // A password is not ours to revoke, and nobody expects it.
  if (credential.kind === 'basic') return undefined
  if (credential.workload !== undefined) return { kind: 'ends-by-itself' }
  if (oauth === undefined) return revokeGivenToken(token, context)
  const { revocationEndpoint } = oauth
  if (revocationEndpoint === undefined) return { kind: 'no-revocation' }
  const { issuer, clientId } = oauth
  const { revokeTokens } = await import('../flows/revoke-token.ts')
  const tokens = { accessToken: token, refreshToken }
  return revokeTokens({ issuer, revocationEndpoint, clientId }, tokens, tracedContext(context))
}

/** @param what may still work, such as `the token`. */
export function notRevokedWarning(problem: NotRevoked, what: string): string {
  if (problem.kind === 'ends-by-itself') {
    return `warning: the token of a job cannot be revoked: the server accepts ${what} until that expires, within the hour`
  }
  return problem.kind === 'no-revocation'
    ? `warning: the server has no revocation: it may accept ${what} until that expires`
    : `warning: the server may still accept ${what}, ${problem.reason}`
}

/** Ctrl-C has ended the wait already where it is the reason. */
const REVOKE_FAILED_MS = 5000

/**
 * Revokes what a login has brought that failed afterwards: nobody could do so any more.
 * @returns what to say about it; undefined where there is nothing left to revoke.
 */
export async function revokeFailed(
  { tokens, oauth }: { tokens: TokenSet; oauth: OAuthClient },
  context: ServerContext,
): Promise<string | undefined> {
  const { accessToken: token, refreshToken } = tokens
  const credential = { kind: 'oauth', oauth, token, ...present({ refreshToken }) } as const
  const signal = AbortSignal.timeout(REVOKE_FAILED_MS)
  const problem = await revokeCredential(credential, { ...context, signal })
  return problem === undefined ? undefined : notRevokedWarning(problem, 'the token that it has just issued')
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
  const before = 'the login before it'
  if (replaced.kind === 'unreadable') {
    return notRevokedWarning({ kind: 'failed', reason: replaced.reason }, before)
  }
  const { credential } = replaced
  // The token of a job ends by itself within the hour, and only then.
  const isJob = credential.workload !== undefined
  if (credential.oauth === undefined || !fob || isJob || shareToken(credential, by)) return undefined
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(REVOKE_REPLACED_MS)])
  const problem = await revokeCredential(credential, { ...context, signal })
  return problem === undefined ? 'The login before it is revoked' : notRevokedWarning(problem, before)
}

/** Whether both have a token in common: it is the same login, stored once more. */
function shareToken({ token, refreshToken }: Credential, by: TokenSet): boolean {
  if (token.reveal() === by.accessToken.reveal()) return true
  return refreshToken !== undefined && refreshToken.reveal() === by.refreshToken?.reveal()
}

/** A token that was given to us: for one of our servers' there is an API, and its prefix tells it. */
async function revokeGivenToken(token: Secret, context: ServerContext): Promise<NotRevoked | undefined> {
  if (!token.reveal().startsWith('ci_')) return { kind: 'failed', reason: 'revoke it where it was created' }
  const { openApi } = await import('./api-client.ts')
  const authorization = new Secret(`Bearer ${token.reveal()}`)
  const api = openApi({ ...context, tenant: undefined, authorization: async () => authorization })
  try {
    await api.request({ method: 'DELETE', path: '/api/auth/cli-tokens/current', schema: v.unknown() })
    return undefined
  } catch (error) {
    // A token that the server does not accept has ended already.
    if (error instanceof Fault && error.code === 'unauthenticated') return undefined
    return { kind: 'failed', reason: reasonOf(error) }
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Fault ? error.message : 'it could not be told'
}
