/** Ends stored logins: at the server, in the keychain and in the file. */
import { Fault } from '../../contract/fault.ts'
import type { NotRevoked } from '../../flows/revoke-token.ts'
import type { KeychainReason } from '../../platform/keychain/keychain.ts'
import { accountName } from '../../session/account-display-names.ts'
import type { Credential, StoredLogin } from '../../store/store-interface.ts'
import { type Context, serverContext } from '../client/command-context.ts'
import type { Deps } from '../deps.ts'

interface EndOptions {
  /** Does not say which login takes its place. */
  silentNext?: boolean
  /** Does not say what else stops working with a token that was given to us. */
  silentShared?: boolean
  /** Only forgets it: nothing is sent. */
  local?: boolean
}

/** A login whose secret the keychain does not let go of. */
export interface Kept {
  login: StoredLogin
  reason: KeychainReason
  /** Whether the server may accept the token still. */
  alive: boolean
}

/**
 * Revokes a login at its server where that is possible, then deletes it from keychain and file in any case.
 * @returns the login itself where the keychain keeps its secret: then a mark stays in the file
 */
export async function endLogin(
  login: StoredLogin,
  context: Context,
  deps: Deps,
  { silentNext = false, silentShared = false, local = false }: EndOptions = {},
): Promise<Kept[]> {
  const { server, account } = login
  const { store, say } = context
  const release = await holdRenewals(login, context)
  try {
    const revoked = local ? undefined : await revokeStored(login, context, deps)
    const problem = revoked?.problem
    const removed = await store.remove(server, account)
    if (removed.keychainFailure !== undefined) {
      return [{ login, reason: removed.keychainFailure, alive: local || problem !== undefined }]
    }
    say(removed.found ? `Logged out of ${server}${whose(login)}` : `not logged in to ${server}`)
    if (removed.found && problem !== undefined) {
      const { notRevokedWarning } = await import('../../session/revoke-login.ts')
      say(`${notRevokedWarning(problem, 'the token')}; here it is deleted`)
    }
    if (removed.found && revoked?.isShared === true && !silentShared) say(SHARED)
    if (removed.found && local && login.kind !== 'basic')
      say('The server was not told: it still accepts the token')
    if (removed.next !== undefined && !silentNext) {
      say(`Commands use the login of ${accountName(removed.next)} there now`)
    }
    return []
  } finally {
    release()
  }
}

/** Said of a token that was given to us, and may be in use elsewhere. */
const SHARED =
  'The token is revoked: whatever else uses it, on other machines or in CI, stops working (--local only forgets it here)'

/**
 * Finishes logouts that could not reach the keychain, as far as it can be reached now.
 * @param unfinished those to finish; without it, all
 * @returns those that are still not finished
 */
export async function finishLogouts(
  unfinished: readonly StoredLogin[] | undefined,
  context: Context,
  deps: Deps,
): Promise<Kept[]> {
  const all = unfinished ?? (await context.store.list({ loggedOut: true }))
  const kept: Kept[] = []
  for (const login of all) {
    if (login.loggedOut === true) kept.push(...(await endLogin(login, context, deps, { silentNext: true })))
  }
  return kept
}

/**
 * A renewal at the same time would leave a token that is not revoked. Where it takes too long, or the lock
 * cannot be taken, the logout goes ahead: what is renewed then is not saved.
 */
async function holdRenewals({ server, account, renewable }: StoredLogin, { store }: Context) {
  if (!renewable) return noLock
  try {
    const lock = await store.lockRenewal(server, account, async () => false)
    return lock.kind === 'ours' ? lock.release : noLock
  } catch (error) {
    if (error instanceof Fault && error.code !== 'interrupted') return noLock
    throw error
  }
}

function noLock(): void {}

/** `https://ci.example.com (ada@example.com)` */
export function nameOfLogin(login: StoredLogin): string {
  return `${login.server}${whose(login)}`
}

/** ` (ada@example.com)`, where the login has a name. */
function whose(login: StoredLogin): string {
  return login.user === undefined && login.username === undefined ? '' : ` (${accountName(login)})`
}

interface Revoked {
  /** Why the credential may still work; undefined when it does not, or there was nothing to tell. */
  problem: NotRevoked | undefined
  /** It was given to us, and may be in use elsewhere. */
  isShared: boolean
}

async function revokeStored(
  { server, account }: StoredLogin,
  context: Context,
  deps: Deps,
): Promise<Revoked> {
  let credential: Credential | undefined
  try {
    credential = await context.store.read(server, account, { loggedOut: true })
  } catch (error) {
    // What the keychain does not give cannot be revoked.
    if (error instanceof Fault && error.code === 'unauthenticated') {
      return { problem: { kind: 'failed', reason: error.message }, isShared: false }
    }
    throw error
  }
  if (credential === undefined) return { problem: undefined, isShared: false }
  const { revokeCredential } = await import('../../session/revoke-login.ts')
  const problem = await revokeCredential(credential, serverContext(deps, context, server))
  return { problem, isShared: credential.kind === 'token' && problem === undefined }
}
