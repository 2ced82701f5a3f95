/** `fob auth logout`: revokes stored logins at their server and deletes them here. */
import { Fault } from '../../../contract/fault.ts'
import { KEYCHAIN_REASONS } from '../../../platform/keychain/keychain.ts'
import { accountName } from '../../../session/account-display-names.ts'
import { chooseAccount } from '../../../session/choose-account.ts'
import { projectFor, resolveAccount } from '../../../session/resolve-server-and-credential.ts'
import type { StoredLogin } from '../../../store/store-interface.ts'
import { type Context, openContext } from '../../client/command-context.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { endLogin, finishLogouts, type Kept, nameOfLogin } from '../../login/log-out-stored-logins.ts'
import type { Globals } from '../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Revoke and delete a login',
    details: `With several accounts at one server, ends the one that commands use; another one takes its place. Settings stay.
A login that cannot be revoked at its server is deleted here all the same. While the keychain that holds it cannot be
reached, no command uses it, and the next login, logout or status that reaches it deletes it there.
A token that was created with "fob tokens create" and may be in use elsewhere is revoked as well: --local only forgets it.`,
    examples: [
      'fob auth logout',
      'fob auth logout -s https://ci.example.com',
      'fob auth logout --all',
      'fob auth logout --local                             # the token stays valid, as other machines use it',
    ],
  },
  args: {
    all: {
      type: 'boolean',
      default: false,
      description: 'every stored login; with --server, every one at that server',
    },
    revoke: {
      type: 'boolean',
      default: false,
      description: 'also a token that others use: nothing is noted about them',
    },
    local: { type: 'boolean', default: false, description: 'only forget it here: the server is not told' },
  },
  run: async ({ args: { all, local, revoke }, globals }, deps) => {
    if (local && revoke) {
      throw new Fault('usage', '--local and --revoke cannot be used together', {
        hint: 'leave one of them out',
      })
    }
    await logout({ globals, all, local, revoke }, deps)
  },
})

interface LogoutOptions {
  globals: Globals
  all: boolean
  /** The server is not told. */
  local: boolean
  /** What else stops working is known. */
  revoke: boolean
}

/**
 * Revokes at the server where that is possible, then deletes from keychain and file in any case. Not being logged in
 * is not an error: any state can be left this way.
 * @throws Fault `failed`, after all others are done, when the keychain keeps the secret of a login: a mark in the
 * file then says so, and a later logout can finish. `usage` where several servers are stored and none is chosen.
 */
async function logout({ globals, all, local, revoke }: LogoutOptions, deps: Deps): Promise<void> {
  const context = await openContext(deps, globals)
  const unfinished = (await context.store.list({ loggedOut: true })).filter(
    (login) => login.loggedOut === true,
  )
  const meant = all ? await everyLogin(globals, context) : await currentLogin(unfinished, context, deps)
  if (all && meant.length + unfinished.length === 0) context.say('no login is stored')
  const kept: Kept[] = []
  const how = { silentNext: all, local, silentShared: revoke }
  for (const login of meant) kept.push(...(await endLogin(login, context, deps, how)))
  // What this call could not finish is not tried twice.
  if (unfinished.length > 0) kept.push(...(await finishLogouts(unfinished, context, deps)))
  deps.signal.throwIfAborted()
  const [first] = kept
  if (first !== undefined) throw notLoggedOut(first, kept)
}

async function everyLogin(globals: Globals, context: Context): Promise<StoredLogin[]> {
  const url = globals.server === undefined ? undefined : (await context.server()).url
  const meant = (await context.store.list()).filter((login) => url === undefined || login.server === url)
  return meant
}

function notLoggedOut({ reason }: Kept, kept: readonly Kept[]): Fault {
  const names = kept.map(({ login }) => nameOfLogin(login)).join(', ')
  const why = KEYCHAIN_REASONS[reason]
  const until = kept.some(({ alive }) => alive) ? '; until then the server may still accept the token' : ''
  return new Fault('failed', `not logged out of ${names}: the keychain cannot be used, ${why}`, {
    hint: `commands no longer use it; make it usable, then run this again${until}`,
  })
}

/** The login that commands would use, whatever token is given for this call. */
async function currentLogin(
  unfinished: readonly StoredLogin[],
  context: Context,
  { env }: Deps,
): Promise<StoredLogin[]> {
  const logins = await context.store.list()
  const server = await context.server()
  if (!server.chosen && logins.length > 0) throw severalServers(logins)
  const wanted = resolveAccount({ env, project: projectFor(await context.project(), server) })
  const { login } = chooseAccount(logins, server.url, wanted)
  if (login !== undefined) return [login]
  if (unfinished.some((left) => left.server === server.url || !server.chosen)) return []
  // What the index does not know of can still be in the keychain.
  await context.store.remove(server.url)
  context.say(`not logged in to ${server.url}`)
  return []
}

function severalServers(logins: readonly StoredLogin[]): Fault {
  const names = logins.map((login) => `${accountName(login)} at ${login.server}`)
  return new Fault('usage', 'logins to several servers are stored, and none is chosen', {
    hint: `name one with -s URL, or all with --all; logged in: ${names.join(', ')}`,
  })
}
