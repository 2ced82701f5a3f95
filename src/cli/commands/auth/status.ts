/** `fob auth status`: lists the stored logins, and says which one commands use and why. */
import { Fault } from '../../../contract/fault.ts'
import { KEYCHAIN_REASONS } from '../../../platform/keychain/keychain.ts'
import { printable } from '../../../platform/terminal/make-text-printable.ts'
import { credentialsExpired, stateOf } from '../../../session/refresh-login.ts'
import { givenExpired } from '../../../session/check-jwt-form-and-expiry.ts'
import { projectFor, resolveTenant } from '../../../session/resolve-server-and-credential.ts'
import { nobodyHere, notLoggedIn, type Session } from '../../../session/session.ts'
import type { Store, StoredLogin } from '../../../store/store-interface.ts'
import { type Context, openContext, serverContext } from '../../client/command-context.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import type { Globals } from '../../parsing/global-flags.ts'
import { printList } from '../../output/print.ts'
import { checkGiven, checkLogin } from '../../login/check-stored-login.ts'
import { finishLogouts, nameOfLogin } from '../../login/log-out-stored-logins.ts'
import { CHECK_COLUMN, COLUMNS, givenRow, isCurrent, type Row, toRow } from '../../login/status-rows.ts'

export const command = defineCommand({
  meta: {
    description: 'Show every stored login',
    details: `Shows what this call would use first, also where that is a token of a variable or a flag; where each credential is
stored and why, what chose the current one, and the state of the keychain. With --check, the servers say what each may do.
Exits 4 when the current one is missing, has expired or is refused, or the keychain does not return its secret; a server
that is open to everyone needs none.`,
    examples: ['fob auth status', 'fob auth status --check -o json'],
  },
  args: { check: { type: 'boolean', default: false, description: 'ask the servers as well' } },
  run: ({ args, globals }, deps) => status({ globals, check: args.check }, deps),
})

interface StatusOptions {
  globals: Globals
  check: boolean
}

/** @throws Fault `unauthenticated` or `credentials_expired`, after the list, when the current login cannot be used. */
async function status({ globals, check }: StatusOptions, deps: Deps): Promise<void> {
  const context = await openContext(deps, globals)
  const session = await context.session({ expired: true })
  const unfinished = await finishLogouts(undefined, context, deps)
  const logins = await context.store.list()
  const rows: Row[] = []
  const now = deps.clock.now()
  const given = givenRow(session, now)
  if (given !== undefined)
    rows.push(
      check && given.state !== 'expired'
        ? { ...given, ...(await checkGiven(session, context, deps)) }
        : given,
    )
  const unreadable = await findUnreadable(logins, context.store, now)
  for (const login of logins) {
    const isUnreadable = unreadable.has(login)
    const state = isUnreadable ? 'unreadable' : stateOf(login, now)
    const row = toRow(login, session, await tenantOf(login, session, globals, context, deps), state)
    const checked = isUnreadable ? { check: 'failed' as const } : undefined
    const inTenant = row.tenant === null ? login : { ...login, tenant: row.tenant }
    rows.push(check ? { ...row, ...(checked ?? (await checkLogin(inTenant, context, deps))) } : row)
  }
  printList(deps.io, context.format, rows, check ? [...COLUMNS, CHECK_COLUMN] : COLUMNS)
  sayWhatChose(session, context)
  await sayKeychain(context)
  for (const left of unfinished) {
    context.say(
      `note: the logout of ${nameOfLogin(left.login)} is not finished, as the keychain still holds its secret`,
    )
  }
  const row = rows.find((r) => r.current)
  if (row === undefined) return sayNobody(session, context, deps)
  if (row.state === 'expired') throw given === undefined ? credentialsExpired() : givenExpired(given.account)
  const [, why] = [...unreadable].find(([login]) => isCurrent(login, session)) ?? []
  if (why !== undefined) throw why
  if (row.check === 'rejected') {
    if (session.presented.kind === 'workload') {
      // Its error says what the operator has to set.
      await session.bearer()
      throw notLoggedIn(row.server)
    }
    const { credential = 'the stored login' } = session
    throw new Fault(
      'unauthenticated',
      `${row.server} does not accept ${given ? credential : 'the stored login'}`,
      {
        hint: given ? `${credential} was refused: get a new one` : `run fob auth login -s ${row.server}`,
      },
    )
  }
}

/** An open server needs no login, and there is none. @throws Fault `unauthenticated` at any other server */
async function sayNobody({ server }: Session, context: Context, deps: Deps): Promise<void> {
  const { isOpenToEveryone, openToEveryone } = await import('../../../session/find-login-strategy.ts')
  const isOpen = await isOpenToEveryone(serverContext(deps, context, server.url))
  if (!isOpen) throw nobodyHere(server, await context.store.list())
  context.say(openToEveryone(server.url))
}

/** The logins that are valid by the index and whose secret the keychain does not return, each with its error. */
async function findUnreadable(
  logins: readonly StoredLogin[],
  store: Store,
  now: number,
): Promise<ReadonlyMap<StoredLogin, Fault>> {
  const held = logins.filter((login) => login.storage === 'keychain' && stateOf(login, now) !== 'expired')
  const found = new Map<StoredLogin, Fault>()
  // In parallel: a keychain that hangs takes its whole time-out for each.
  await Promise.all(
    held.map((login) =>
      store.read(login.server, login.account).catch((error: unknown) => {
        if (!(error instanceof Fault) || error.code !== 'unauthenticated') throw error
        found.set(login, error)
      }),
    ),
  )
  return found
}

/** The tenant of calls with this login: a flag, a variable or a setting counts before the one of the login. */
async function tenantOf(
  login: StoredLogin,
  session: Session,
  globals: Globals,
  { settings, project }: Context,
  { env }: Deps,
): Promise<string | undefined> {
  const { server, tenant: captured } = login
  const ofProject = projectFor(await project(), { ...session.server, url: server })
  return resolveTenant({ flag: globals.tenant, env, project: ofProject, settings, server, captured })
}

/** Which login commands in this folder use, and what says so. */
function sayWhatChose({ server, accountSource, presented }: Session, { say }: Context): void {
  say(`server: ${server.url} (${printable(server.source)})`)
  if (accountSource !== undefined) say(`account: chosen by ${printable(accountSource)}`)
  if (presented.kind === 'bearer') {
    say(`note: ${presented.source} is set, and commands use it instead of a stored login`)
  }
  if (presented.kind === 'basic') say(`note: commands use the Basic credentials in the address`)
  if (presented.kind === 'workload') {
    say(`note: commands exchange ${presented.name} for a token when they need one; nothing is stored`)
  }
}

async function sayKeychain({ store, say }: { store: Store; say: Context['say'] }): Promise<void> {
  const probe = await store.probe()
  if (probe === undefined) return say(`keychain: not used, credentials are in ${store.path} alone`)
  say(
    probe.state === 'usable'
      ? 'keychain: usable'
      : `keychain: ${probe.state} (${KEYCHAIN_REASONS[probe.reason]})`,
  )
}
