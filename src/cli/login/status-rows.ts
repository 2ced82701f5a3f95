/** The rows of `fob auth status`: every stored login, and what this call would use instead. */
import { printable } from '../../platform/terminal/make-text-printable.ts'
import { userLine } from '../../session/account-display-names.ts'
import { isJwt, jwtExpiry } from '../../session/check-jwt-form-and-expiry.ts'
import { storageReasonText } from '../../session/keychain-fallback-warning.ts'
import type { LoginState } from '../../session/refresh-login.ts'
import type { Session } from '../../session/session.ts'
import type { StoredLogin } from '../../store/store-interface.ts'
import type { Column } from '../output/print.ts'
import type { Checked } from './check-stored-login.ts'

/** `unreadable`: valid by the index, but the keychain does not return its secret. */
export type RowState = LoginState | 'unreadable'

export interface Row {
  /** `<server>#<account>`. */
  id: string
  server: string
  account: string
  current: boolean
  /** Of the server's accounts, the one that is used where none is named. */
  selected: boolean
  user: { id?: string; name?: string; email?: string }
  /** The one that commands would use. */
  tenant: string | null
  /** `jwt` of a token that was given for this call. */
  kind: StoredLogin['kind'] | 'jwt'
  /** What the server says that this may do at most; null where it was not asked. */
  role: string | null
  scopes: readonly string[]
  /** RFC 3339 in UTC. */
  expiresAt: string | null
  state: RowState
  renewable: boolean
  /** `call`: it came with this call. */
  storage: 'keychain' | 'file' | 'call'
  /** Why it is not in the keychain; of one that came with this call, the flag, variable or address. */
  storageReason: string | null
  check?: Checked['check']
}

export const COLUMNS: readonly Column<Row>[] = [
  { title: '', cell: (row) => (row.current ? '*' : '') },
  { title: 'server', cell: (row) => row.server },
  { title: 'user', cell: nameOf },
  { title: 'tenant', cell: (row) => row.tenant ?? '-' },
  { title: 'kind', cell: (row) => row.kind },
  { title: 'may', cell: mayText },
  { title: 'state', cell: (row) => row.state },
  { title: 'expires', cell: expiryText },
  { title: 'stored in', cell: storageText },
]
export const CHECK_COLUMN: Column<Row> = { title: 'server says', cell: (row) => row.check ?? '-' }

/** What is used and not stored: a token of a variable or a flag, the user of the address, the ID token of the job. */
export function givenRow(session: Session, now: number): Row | undefined {
  const { presented } = session
  if (presented.kind === 'workload') {
    const { name } = presented
    return ofCall(session, { account: name, kind: 'jwt', renewable: true, storageReason: name })
  }
  if (presented.kind !== 'bearer' && presented.kind !== 'basic') return undefined
  const isBearer = presented.kind === 'bearer'
  const expiresAt = isBearer ? jwtExpiry(presented.token) : undefined
  const source = isBearer ? presented.source : "the server's address"
  const expired = expiresAt !== undefined && expiresAt <= now
  return ofCall(session, {
    account: isBearer ? source : presented.credentials.username,
    kind: !isBearer ? 'basic' : isJwt(presented.token) ? 'jwt' : 'token',
    expiresAt: expiresAt === undefined ? null : new Date(expiresAt).toISOString(),
    state: expired ? 'expired' : 'valid',
    storageReason: source,
  })
}

type OfCall = Pick<Row, 'account' | 'kind'> & { storageReason: string } & Partial<Row>

function ofCall({ server, tenant }: Session, row: OfCall): Row {
  return {
    id: `${server.url}#${row.storageReason}`,
    server: server.url,
    current: true,
    selected: false,
    user: {},
    tenant: tenant ?? null,
    role: null,
    scopes: [],
    expiresAt: null,
    state: 'valid',
    renewable: false,
    storage: 'call',
    ...row,
  }
}

/** A stored login as a row. @param tenant the one that commands would use */
export function toRow(
  login: StoredLogin,
  session: Session,
  tenant: string | undefined,
  state: RowState,
): Row {
  const { account, server } = login
  return {
    id: `${server}#${account}`,
    server,
    account,
    current: isCurrent(login, session),
    selected: login.current,
    user: login.user ?? {},
    tenant: tenant ?? null,
    kind: login.kind,
    role: null,
    scopes: login.scopes,
    expiresAt: login.expiresAt === undefined ? null : new Date(login.expiresAt).toISOString(),
    state,
    renewable: login.renewable,
    storage: login.storage,
    storageReason: storageReasonText(login.storageReason) ?? null,
  }
}

/** Commands use it, here and now. */
export function isCurrent({ server, account }: StoredLogin, { login, presented }: Session): boolean {
  return presented.kind === 'stored' && login?.server === server && login.account === account
}

function nameOf({ account, user }: Row): string {
  return user.name === undefined && user.email === undefined ? account : userLine(user)
}

/** The role and the scopes, as far as they are known. */
function mayText({ role, scopes }: Row): string {
  const words = [role, scopes.length === 0 ? null : scopes.join(' ')].filter((word) => word !== null)
  return words.length === 0 ? '-' : printable(words.join(': '))
}

/** The end of a token that is renewed in time is no end of the login. */
function expiryText({ renewable, state, expiresAt }: Row): string {
  if (renewable && state !== 'expired' && expiresAt !== null) return 'renews itself'
  return expiresAt ?? '-'
}

function storageText(row: Row): string {
  if (row.storage === 'call') return `not stored (${row.storageReason ?? ''})`
  return row.storageReason === null ? row.storage : `${row.storage} (${row.storageReason})`
}
