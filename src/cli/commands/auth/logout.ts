/** `fob auth logout`: revokes stored logins at their server and deletes them here. */
import { Fault } from '../../../contract/fault.ts'
import type { NotRevoked } from '../../../flows/revoke-token.ts'
import { KEYCHAIN_REASONS, type KeychainReason } from '../../../platform/keychain/keychain.ts'
import { accountName } from '../../../session/account-names.ts'
import { chooseAccount } from '../../../session/choose-account.ts'
import { projectFor, resolveAccount } from '../../../session/resolve-server-and-credential.ts'
import type { Credential, StoredLogin } from '../../../store/store-interface.ts'
import { type Context, openContext, serverContext } from '../../client/command-context.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import type { Globals } from '../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Revoke and delete a login',
    details: `With several accounts at one server, ends the one that commands use; another one takes its place. Settings stay.
A login that cannot be revoked at its server is deleted here all the same. Only while the keychain that holds it
cannot be reached does it stay, so that you can run this again.`,
    examples: ['fob auth logout', 'fob auth logout -s https://ci.example.com', 'fob auth logout --all'],
  },
  args: {
    all: {
      type: 'boolean',
      default: false,
      description: 'every stored login; with --server, every one at that server',
    },
  },
  run: ({ args, globals }, deps) => logout({ globals, all: args.all }, deps),
})

interface LogoutOptions {
  globals: Globals
  all: boolean
}

/**
 * Revokes at the server where that is possible, then deletes from keychain and file in any case. Not being logged in
 * is not an error: any state can be left this way.
 * @throws Fault `failed`, after all others are done, when the keychain keeps the secret of a login: that login
 * stays known, and a later logout can finish.
 */
async function logout({ globals, all }: LogoutOptions, deps: Deps): Promise<void> {
  const context = await openContext(deps, globals)
  const logins = await context.store.list()
  const kept: Kept[] = []
  if (!all) {
    const { url, login } = await current(logins, context, deps)
    if (login === undefined) {
      // What the index does not know of can still be in the keychain.
      await context.store.remove(url)
      context.say(`not logged in to ${url}`)
    } else kept.push(...(await logoutFrom(login, context, deps)))
  } else {
    const url = globals.server === undefined ? undefined : (await context.server()).url
    const meant = logins.filter((login) => url === undefined || login.server === url)
    if (meant.length === 0) context.say('no login is stored')
    for (const login of meant) kept.push(...(await logoutFrom(login, context, deps, { silentNext: true })))
  }
  deps.signal.throwIfAborted()
  const [first] = kept
  if (first !== undefined) throw notLoggedOut(first, kept)
}

/** A login whose secret the keychain does not let go of. */
interface Kept {
  login: StoredLogin
  reason: KeychainReason
  /** Whether the server may accept the token still. */
  alive: boolean
}

function notLoggedOut({ reason }: Kept, kept: readonly Kept[]): Fault {
  const names = kept.map(({ login }) => `${login.server}${whose(login)}`).join(', ')
  const why = KEYCHAIN_REASONS[reason]
  const until = kept.some(({ alive }) => alive) ? '; until then the server may still accept the token' : ''
  return new Fault('failed', `not logged out of ${names}: the keychain cannot be used, ${why}`, {
    hint: `make it usable, then run this again${until}`,
  })
}

/** The login that commands would use, whatever token is given for this call. */
async function current(
  logins: readonly StoredLogin[],
  context: Context,
  { env }: Deps,
): Promise<{ url: string; login: StoredLogin | undefined }> {
  const server = await context.server()
  const wanted = resolveAccount({ env, project: projectFor(await context.project(), server) })
  return { url: server.url, login: chooseAccount(logins, server.url, wanted).login }
}

/** @returns the login itself where the keychain keeps it */
async function logoutFrom(
  login: StoredLogin,
  context: Context,
  deps: Deps,
  { silentNext } = { silentNext: false },
): Promise<Kept[]> {
  const { server, account } = login
  const { store, say } = context
  const release = await holdRenewals(login, context)
  try {
    const problem = await revokeStored(login, context, deps)
    const removed = await store.remove(server, account)
    if (removed.keychainFailure !== undefined) {
      return [{ login, reason: removed.keychainFailure, alive: problem !== undefined }]
    }
    say(removed.found ? `Logged out of ${server}${whose(login)}` : `not logged in to ${server}`)
    if (removed.found && problem !== undefined) {
      const { notRevokedWarning } = await import('../../../session/revoke-login.ts')
      say(`${notRevokedWarning(problem, 'the token')}; here it is deleted`)
    }
    if (removed.next !== undefined && !silentNext) {
      say(`Commands use the login of ${accountName(removed.next)} there now`)
    }
    return []
  } finally {
    release()
  }
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

/** ` (ada@example.com)`, where the login has a name. */
function whose(login: StoredLogin): string {
  return login.user === undefined && login.username === undefined ? '' : ` (${accountName(login)})`
}

/** Why the credential may still work, or undefined when it does not, or there was nothing to tell. */
async function revokeStored(
  { server, account }: StoredLogin,
  context: Context,
  deps: Deps,
): Promise<NotRevoked | undefined> {
  let credential: Credential | undefined
  try {
    credential = await context.store.read(server, account)
  } catch (error) {
    // What the keychain does not give cannot be revoked.
    if (error instanceof Fault && error.code === 'unauthenticated') {
      return { kind: 'failed', reason: error.message }
    }
    throw error
  }
  if (credential === undefined) return undefined
  const { revokeCredential } = await import('../../../session/revoke-login.ts')
  return revokeCredential(credential, serverContext(deps, context, server))
}
