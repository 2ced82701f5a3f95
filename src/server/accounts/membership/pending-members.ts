/**
 * Owns: memberships of people who have not logged in yet.
 * Refuses: to count for anybody but the person who is named: an e-mail that the provider has not verified, or that
 * another account has as well; a login that was named long ago, since another person may have it by now. Each counts
 * once. Accounts that exist are made members at once (`members.ts`), and keep that by ID, whatever they are called later.
 */
import { and, asc, desc, eq, gt, isNull, lt, ne, or, type SQL, sql } from 'drizzle-orm'
import { Fault } from '../../../contract/fault.ts'
import { newId } from '../../db/new-id.ts'
import type { Db, Transaction } from '../../db/open-database.ts'
import { pendingMembers as table, users } from '../../db/schema.ts'
import { normaliseEmail } from '../email-and-password-rules.ts'
import { LOCAL } from '../local-accounts.ts'
import { type AccountRole, IDENTITY_PROVIDER_NAMES } from '../user-types.ts'
import { type PersonName, personText } from './person-names.ts'

export interface PendingMember {
  id: string
  tenantId: string
  /** As it can be typed: `alice@example.com`, `github:octocat`, `github:583231`. */
  name: string
  role: AccountRole
  /** Milliseconds since 1970; `expiresAt` null: no end. */
  createdAt: number
  expiresAt: number | null
}

/** Who logs in: what a provider says of them, or what a local account has. */
export interface Arriving {
  provider: string
  subject: string
  /** Verified. */
  email: string | null
  nickName: string | null
}

/** A role in a tenant that somebody gets. */
export interface Grant {
  tenantId: string
  role: AccountRole
}

const DAY_MS = 86_400_000
/** A login can be given up, and be somebody else's a minute later; an e-mail address takes longer; an ID never is. */
export const NAME_LIFE_MS = { login: 14 * DAY_MS, email: 90 * DAY_MS, account: null } as const

type Row = typeof table.$inferSelect

/**
 * Writes down that the person becomes a member at their first login; again, changes the role and starts the time anew.
 * @throws Fault `not_found` for a name that nobody can arrive by
 */
export function addPending(
  db: Db,
  now: number,
  { name, tenantId, role }: Grant & { name: PersonName },
): PendingMember {
  const columns = columnsOf(name)
  const life = NAME_LIFE_MS[columns.kind]
  const row = {
    id: newId('pen'),
    tenantId,
    ...columns,
    role,
    createdAt: now,
    expiresAt: life === null ? null : now + life,
  }
  return db.transaction(
    (tx) => {
      const before = tx.delete(table).where(sameName(tenantId, columns)).returning({ id: table.id }).get()
      const stored = { ...row, id: before?.id ?? row.id }
      tx.insert(table).values(stored).run()
      return shown(stored)
    },
    { behavior: 'immediate' },
  )
}

function columnsOf(name: PersonName): Pick<Row, 'kind' | 'provider' | 'name'> {
  if (name.kind === 'email') return { kind: 'email', provider: name.provider ?? null, name: name.email }
  const text = personText(name)
  if (name.kind === 'account' && IDENTITY_PROVIDER_NAMES.some((known) => known === name.provider)) {
    return { kind: 'account', provider: name.provider, name: name.subject }
  }
  if (name.kind === 'login' && name.provider !== undefined) {
    return { kind: 'login', provider: name.provider, name: name.login }
  }
  const hint =
    name.kind === 'login'
      ? `for somebody who has not logged in yet, say where the login is from: github:${name.login}, gitlab:${name.login}, or name an e-mail`
      : 'fob server user list shows them'
  throw new Fault('not_found', `there is no user ${text}`, { hint })
}

function sameName(tenantId: string, { kind, provider, name }: Pick<Row, 'kind' | 'provider' | 'name'>) {
  const same = provider === null ? isNull(table.provider) : eq(table.provider, provider)
  return and(eq(table.tenantId, tenantId), eq(table.kind, kind), eq(table.name, name), same)
}

/** Those of a tenant that still count, oldest first. */
export function listPending(db: Db, now: number, tenantId: string): PendingMember[] {
  const rows = db
    .select()
    .from(table)
    .where(and(eq(table.tenantId, tenantId), counts(now)))
    .orderBy(asc(table.id))
    .all()
  return rows.map(shown)
}

/** By its name or its ID. @returns what was removed; undefined: there was none */
export function removePending(
  db: Db,
  tenantId: string,
  name: PersonName | string,
): PendingMember | undefined {
  const where =
    typeof name === 'string'
      ? and(eq(table.tenantId, tenantId), eq(table.id, name))
      : name.kind === 'id' || (name.kind === 'login' && name.provider === undefined)
        ? undefined
        : sameName(tenantId, columnsIfAny(name))
  const row = where && db.delete(table).where(where).returning().get()
  return row && shown(row)
}

/** The same without a refusal: nothing was ever written down under any other name. */
function columnsIfAny(name: Exclude<PersonName, { kind: 'id' }>): Pick<Row, 'kind' | 'provider' | 'name'> {
  if (name.kind === 'email') return { kind: 'email', provider: name.provider ?? null, name: name.email }
  const text = name.kind === 'login' ? name.login : name.subject
  return { kind: name.kind, provider: name.provider ?? null, name: text }
}

/**
 * Takes what is written down for a person who logs in: each row is deleted with this. Of two for one tenant the later
 * one counts.
 */
export function takePending(tx: Transaction, now: number, person: Arriving): Grant[] {
  const rows = tx
    .select()
    .from(table)
    .where(and(isFor(tx, person), counts(now)))
    .orderBy(desc(table.createdAt))
    .all()
  const grants = new Map<string, Grant>()
  for (const { id, tenantId, role } of rows) {
    tx.delete(table).where(eq(table.id, id)).run()
    if (!grants.has(tenantId)) grants.set(tenantId, { tenantId, role })
  }
  return [...grants.values()]
}

function isFor(tx: Transaction, { provider, subject, email, nickName }: Arriving): SQL | undefined {
  const ways = [
    and(eq(table.kind, 'account'), eq(table.provider, provider), eq(table.name, subject)),
    ...(nickName === null || provider === LOCAL
      ? []
      : [and(eq(table.kind, 'login'), eq(table.provider, provider), eq(table.name, nickName.toLowerCase()))]),
    ...(email === null ? [] : [byEmail(tx, { provider, subject, email })]),
  ]
  return or(...ways)
}

/** Without a named provider, an address that two accounts have says of neither that it is the one that was meant. */
function byEmail(
  tx: Transaction,
  { provider, subject, email }: { provider: string; subject: string; email: string },
) {
  const address = normaliseEmail(email)
  const other = tx
    .select({ id: users.id })
    .from(users)
    .where(
      and(
        eq(sql`lower(${users.email})`, address),
        or(ne(users.provider, provider), ne(users.subject, subject)),
      ),
    )
    .limit(1)
    .get()
  const named = eq(table.provider, provider)
  return and(
    eq(table.kind, 'email'),
    eq(table.name, address),
    other === undefined ? or(named, isNull(table.provider)) : named,
  )
}

/** Deletes what counts no longer. */
export function purgePending(db: Db, now: number): void {
  db.delete(table).where(lt(table.expiresAt, now)).run()
}

function counts(now: number): SQL | undefined {
  return or(isNull(table.expiresAt), gt(table.expiresAt, now))
}

function shown({ id, tenantId, kind, provider, name, role, createdAt, expiresAt }: Row): PendingMember {
  const text =
    kind === 'email' && provider === null
      ? name
      : personText({ kind: 'account', provider: provider ?? '', subject: name })
  return { id, tenantId, name: text, role, createdAt, expiresAt }
}
