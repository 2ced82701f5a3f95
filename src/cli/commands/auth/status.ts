import { Fault } from '../../../contract/fault.ts'
import { userLine } from '../../../session/login.ts'
import { placeReasonText } from '../../../session/place.ts'
import { credentialsExpired, freshCredential, type LoginState, stateOf } from '../../../session/refresh.ts'
import { notLoggedIn } from '../../../session/session.ts'
import type { StoredLogin } from '../../../store/store.ts'
import { type Context, openContext, serverContext } from '../../client.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import type { Globals } from '../../globals.ts'
import { type Column, printList } from '../../output.ts'

export const command = defineCommand({
  summary: 'Show every stored login',
  description: 'Ends with 4 when the current login is missing or has expired.',
  examples: ['fob auth status', 'fob auth status --check -o json'],
  flags: { check: { type: 'boolean', description: 'ask the servers as well' } },
  positionals: {},
  run: ({ flags, globals }, deps) => status({ globals, check: flags.check }, deps),
})

export interface StatusOptions {
  globals: Globals
  check: boolean
}

/** What the server said to a check. */
type CheckResult = 'accepted' | 'rejected' | 'unreachable' | 'failed'

interface Row {
  id: string
  server: string
  current: boolean
  user: { id?: string; name?: string; email?: string }
  tenant: string | null
  kind: 'oauth' | 'token'
  scopes: readonly string[]
  /** RFC 3339 in UTC. */
  expiresAt: string | null
  state: LoginState
  renewable: boolean
  storage: 'keychain' | 'file'
  storageReason: string | null
  check?: CheckResult
}

const COLUMNS: readonly Column<Row>[] = [
  { title: '', cell: (row) => (row.current ? '*' : '') },
  { title: 'server', cell: (row) => row.server },
  { title: 'user', cell: (row) => userLine(row.user) },
  { title: 'tenant', cell: (row) => row.tenant ?? '-' },
  { title: 'kind', cell: (row) => row.kind },
  { title: 'state', cell: (row) => row.state },
  { title: 'expires', cell: (row) => row.expiresAt ?? '-' },
  { title: 'stored in', cell: storageText },
]
const CHECK_COLUMN: Column<Row> = { title: 'server says', cell: (row) => row.check ?? '-' }

/** @throws Fault `unauthenticated` or `credentials_expired`, after the list, when the current login is no good. */
export async function status({ globals, check }: StatusOptions, deps: Deps): Promise<void> {
  const context = await openContext(deps, globals)
  const session = await context.session()
  const current = session.server.url
  const rows: Row[] = []
  for (const login of await context.store.list()) {
    const row = toRow(login, current, deps.clock.now())
    rows.push(check ? { ...row, check: await ask(login, context, deps) } : row)
  }
  printList(deps.io, context.format, rows, check ? [...COLUMNS, CHECK_COLUMN] : COLUMNS)
  if (session.presented.kind === 'bearer') {
    return context.say(
      `note: ${session.presented.source} is set, and commands use it instead of a stored login`,
    )
  }
  if (session.presented.kind === 'basic') {
    return context.say(`note: commands use the Basic credentials in the address of ${current}`)
  }
  const row = rows.find((r) => r.current)
  if (row === undefined) throw notLoggedIn(current)
  if (row.state === 'expired') throw credentialsExpired()
  if (row.check === 'rejected') {
    throw new Fault('unauthenticated', `${current} does not accept the stored login`, {
      hint: `run fob auth login -s ${current}`,
    })
  }
}

function toRow(login: StoredLogin, current: string, now: number): Row {
  return {
    id: login.server,
    server: login.server,
    current: login.server === current,
    user: login.user ?? {},
    tenant: login.tenant ?? null,
    kind: login.kind,
    scopes: login.scopes,
    expiresAt: login.expiresAt === undefined ? null : new Date(login.expiresAt).toISOString(),
    state: stateOf(login, now),
    renewable: login.renewable,
    storage: login.place,
    storageReason: placeReasonText(login.placeReason) ?? null,
  }
}

function storageText(row: Row): string {
  return row.storageReason === null ? row.storage : `${row.storage} (${row.storageReason})`
}

/** The profile call with the stored credential, refreshed first if that is due. */
async function ask(login: StoredLogin, context: Context, deps: Deps): Promise<CheckResult> {
  const { profileOf } = await import('../../../session/login.ts')
  try {
    const credential = await freshCredential(login.server, {
      ...deps,
      store: context.store,
      warn: context.say,
    })
    if (credential === undefined) return 'rejected'
    await profileOf(serverContext(deps, context, login.server), credential.token, login.tenant)
    return 'accepted'
  } catch (error) {
    if (!(error instanceof Fault) || error.code === 'interrupted') throw error
    if (error.code === 'unauthenticated' || error.code === 'credentials_expired') return 'rejected'
    return error.code === 'unreachable' || error.code === 'server_error' ? 'unreachable' : 'failed'
  }
}
