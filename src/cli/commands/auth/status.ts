/** `fob auth status`: lists the stored logins, and says which one commands use and why. */
import { Fault } from '../../../contract/fault.ts'
import { KEYCHAIN_REASONS } from '../../../platform/keychain/keychain.ts'
import { printable } from '../../../platform/terminal/printable-text.ts'
import { userLine } from '../../../session/account-names.ts'
import { storageReasonText } from '../../../session/keychain-fallback-warning.ts'
import { credentialsExpired, type LoginState, stateOf } from '../../../session/refresh-login.ts'
import { nobodyHere, type Session } from '../../../session/session.ts'
import type { Store, StoredLogin } from '../../../store/store-interface.ts'
import { type Context, openContext } from '../../client/command-context.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import type { Globals } from '../../parsing/global-flags.ts'
import { type Column, printList } from '../../output/print.ts'
import { checkLogin, type CheckResult } from '../../login/check-stored-login.ts'

export const command = defineCommand({
  meta: {
    description: 'Show every stored login',
    details: `Shows where each credential is stored and why, what chose the current one, and the state of the keychain.
Exits 4 when the current login is missing or has expired, or the keychain does not return its secret.`,
    examples: ['fob auth status', 'fob auth status --check -o json'],
  },
  args: { check: { type: 'boolean', default: false, description: 'ask the servers as well' } },
  run: ({ args, globals }, deps) => status({ globals, check: args.check }, deps),
})

interface StatusOptions {
  globals: Globals
  check: boolean
}

/** `unreadable`: valid by the index, but the keychain does not return its secret. */
type RowState = LoginState | 'unreadable'

interface Row {
  /** `<server>#<account>`. */
  id: string
  server: string
  account: string
  current: boolean
  /** Of the server's accounts, the one that is used where none is named. */
  selected: boolean
  user: { id?: string; name?: string; email?: string }
  tenant: string | null
  kind: StoredLogin['kind']
  scopes: readonly string[]
  /** RFC 3339 in UTC. */
  expiresAt: string | null
  state: RowState
  renewable: boolean
  storage: 'keychain' | 'file'
  storageReason: string | null
  check?: CheckResult
}

const COLUMNS: readonly Column<Row>[] = [
  { title: '', cell: (row) => (row.current ? '*' : '') },
  { title: 'server', cell: (row) => row.server },
  { title: 'user', cell: nameOf },
  { title: 'tenant', cell: (row) => row.tenant ?? '-' },
  { title: 'kind', cell: (row) => row.kind },
  { title: 'state', cell: (row) => row.state },
  { title: 'expires', cell: (row) => row.expiresAt ?? '-' },
  { title: 'stored in', cell: storageText },
]
const CHECK_COLUMN: Column<Row> = { title: 'server says', cell: (row) => row.check ?? '-' }

/** @throws Fault `unauthenticated` or `credentials_expired`, after the list, when the current login cannot be used. */
async function status({ globals, check }: StatusOptions, deps: Deps): Promise<void> {
  const context = await openContext(deps, globals)
  const session = await context.session()
  const logins = await context.store.list()
  const rows: Row[] = []
  const now = deps.clock.now()
  const unreadable = await findUnreadable(logins, context.store, now)
  for (const login of logins) {
    const isUnreadable = unreadable.has(login)
    const row = toRow(login, session, isUnreadable ? 'unreadable' : stateOf(login, now))
    if (check) row.check = isUnreadable ? 'failed' : await checkLogin(login, context, deps)
    rows.push(row)
  }
  printList(deps.io, context.format, rows, check ? [...COLUMNS, CHECK_COLUMN] : COLUMNS)
  sayWhatChose(session, context)
  await sayKeychain(context)
  if (session.presented.kind === 'bearer' || session.presented.kind === 'basic') return
  const row = rows.find((r) => r.current)
  if (row === undefined) throw nobodyHere(session.server, logins)
  if (row.state === 'expired') throw credentialsExpired()
  const [, why] = [...unreadable].find(([login]) => isCurrent(login, session)) ?? []
  if (why !== undefined) throw why
  if (row.check === 'rejected') {
    throw new Fault('unauthenticated', `${row.server} does not accept the stored login`, {
      hint: `run fob auth login -s ${row.server}`,
    })
  }
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

function toRow(login: StoredLogin, session: Session, state: RowState): Row {
  const { account, server } = login
  return {
    id: `${server}#${account}`,
    server,
    account,
    current: isCurrent(login, session),
    selected: login.current,
    user: login.user ?? {},
    tenant: login.tenant ?? null,
    kind: login.kind,
    scopes: login.scopes,
    expiresAt: login.expiresAt === undefined ? null : new Date(login.expiresAt).toISOString(),
    state,
    renewable: login.renewable,
    storage: login.storage,
    storageReason: storageReasonText(login.storageReason) ?? null,
  }
}

/** Commands use it, here and now. */
function isCurrent({ server, account }: StoredLogin, { login }: Session): boolean {
  return login?.server === server && login.account === account
}

function nameOf({ account, user }: Row): string {
  return user.name === undefined && user.email === undefined ? account : userLine(user)
}

function storageText(row: Row): string {
  return row.storageReason === null ? row.storage : `${row.storage} (${row.storageReason})`
}

/** Which login commands in this folder use, and what says so. */
function sayWhatChose({ server, accountSource, presented }: Session, { say }: Context): void {
  say(`server: ${server.url} (${printable(server.source)})`)
  if (accountSource !== undefined) say(`account: chosen by ${printable(accountSource)}`)
  if (presented.kind === 'bearer') {
    say(`note: ${presented.source} is set, and commands use it instead of a stored login`)
  }
  if (presented.kind === 'basic') say(`note: commands use the Basic credentials in the address`)
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
