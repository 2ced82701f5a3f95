/**
 * Owns: people and the tenants they belong to; the server's own accounts with their passwords.
 * Refuses: to say which of e-mail and password was wrong (in words or in time), to be guessed at speed,
 * and to hand out a password hash. Whoever changes a password or removes a user also ends what that user
 * was issued: `onCredentialsChanged`, which the authorization server provides, works on the database alone.
 */
import { randomBytes } from 'node:crypto'
import { and, asc, count, eq } from 'drizzle-orm'
import { Fault } from '../../contract/fault.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Secret } from '../../redact/secret.ts'
import { newId } from '../db/ids.ts'
import type { Db } from '../db/open.ts'
import { memberships, tenants, users } from '../db/schema.ts'
import { openAttempts } from './attempts.ts'
import { checkEmail, checkPassword, normaliseEmail } from './credentials.ts'
import { hashPassword, openVerifier } from './password.ts'

/** The provider's name for the server's own accounts (ruling R16). */
const LOCAL = 'local'

export interface Tenant {
  id: string
  slug: string
}

export type AccountRole = 'admin' | 'member' | 'viewer'

export interface User {
  id: string
  /** `local`, or the vendor that vouches for the person. */
  provider: string
  /** The provider's own ID for the person: the `sub` claim of access tokens (S30). */
  subject: string
  email: string | null
  name: string | null
  nickName: string | null
  avatarUrl: string | null
  /** What the provider said at the last login (ruling R5); rules on pipelines read them. */
  organizations: readonly string[]
  groups: readonly string[]
  /** The tenant that counts where a request names none, and the role there. `tenants.ts` knows the others. */
  tenant: Tenant
  role: AccountRole
  /** Milliseconds since 1970. */
  createdAt: number
}

export interface NewLocalAccount {
  email: string
  password: Secret
  /** Without it: `admin` for the first user of the server, `member` for all others. */
  role?: AccountRole | undefined
  /** The display name; without it, the part of the e-mail before the `@`. */
  name?: string | undefined
  /** The tenant to belong to; without it, the default one. */
  tenant?: Tenant | undefined
}

/** What a vendor says of a person who has just logged in there. */
export interface UpstreamProfile {
  /** `github`, `gitlab` or `microsoft`. */
  provider: string
  /** The vendor's own ID for the person: with `provider`, the key of the account. */
  subject: string
  /** Only where the vendor has verified it. */
  email: string | null
  name: string | null
  nickName: string | null
  avatarUrl: string | null
  organizations: readonly string[]
  groups: readonly string[]
}

export interface PasswordAttempt {
  email: string
  password: Secret
  /** Where it comes from: attempts are counted by account and by address. */
  address: string
}

export type PasswordCheck =
  | { kind: 'ok'; user: User }
  /** Wrong, and nothing says which part of it. */
  | { kind: 'refused' }
  /** Not looked at: too many attempts. Try again in `seconds`. */
  | { kind: 'wait'; seconds: number }

export interface Accounts {
  defaultTenant(): Tenant
  /** @throws Fault `usage` for an implausible e-mail or a short password, `conflict` for a taken e-mail. */
  addLocal(account: NewLocalAccount): Promise<User>
  /** Everyone, oldest first. */
  list(): Promise<User[]>
  byId(id: string): Promise<User | undefined>
  /** Local accounts only: a vendor's e-mail can be reassigned, so it identifies nobody. */
  byEmail(email: string): Promise<User | undefined>
  bySubject(provider: string, subject: string): Promise<User | undefined>
  /**
   * The account of a person whom a vendor vouches for, made at the first login and brought up to date at each
   * one. Whoever comes from outside begins as a `member`: only the command line makes an administrator.
   */
  signInUpstream(profile: UpstreamProfile): Promise<User>
  verifyPassword(attempt: PasswordAttempt): Promise<PasswordCheck>
  /** Also ends the user's sessions and tokens. @throws Fault `not_found`, `usage`. */
  setPassword(email: string, password: Secret): Promise<void>
  /** Also ends the user's sessions and tokens. @throws Fault `not_found`. */
  remove(email: string): Promise<void>
}

export interface AccountsDeps {
  db: Db
  clock: Clock
  /** Ends sessions, grants and tokens of the user; `revokeUserRecords` of the issuer is the one in use. */
  onCredentialsChanged: (user: User) => Promise<void>
}

/** `<provider>:<subject>`: unique on this server and never reassigned. The `sub` of ID tokens and userinfo. */
export function accountIdOf(user: Pick<User, 'provider' | 'subject'>): string {
  return `${user.provider}:${user.subject}`
}

/** Opens the accounts of the database; the tenant `default` is made when it is not there yet. */
export async function openAccounts(deps: AccountsDeps): Promise<Accounts> {
  const { db, clock } = deps
  const tenant = await ensureDefaultTenant(db, clock.now())
  const attempts = openAttempts(clock)
  const verifier = openVerifier()

  const findOne = async (where: ReturnType<typeof and>): Promise<User | undefined> => {
    const [row] = await select(db).where(where).limit(1)
    return row && toUser(row)
  }
  const byEmail = (email: string) =>
    findOne(and(eq(users.provider, LOCAL), eq(users.email, normaliseEmail(email))))
  const mustFind = async (email: string): Promise<User> => {
    const user = await byEmail(email)
    if (user) return user
    throw new Fault('not_found', `no local account has the e-mail ${normaliseEmail(email)}`, {
      hint: 'fob server user list shows the accounts',
    })
  }

  return {
    defaultTenant: () => tenant,
    addLocal: (account) => addLocal(db, clock.now(), account.tenant ?? tenant, account),
    list: async () => (await select(db).orderBy(asc(users.createdAt), asc(users.id))).map(toUser),
    byId: (id) => findOne(eq(users.id, id)),
    byEmail,
    bySubject: (provider, subject) => findOne(and(eq(users.provider, provider), eq(users.subject, subject))),

    signInUpstream: async (profile) => {
      const id = upsertUpstream(db, clock.now(), tenant, profile)
      const user = await findOne(eq(users.id, id))
      if (!user) throw new Fault('not_found', 'the account was removed while it logged in')
      return user
    },

    verifyPassword: async ({ email, password, address }) => {
      const account = normaliseEmail(email)
      // Counted before the hash is computed, so that parallel guesses cannot slip past the limit.
      const seconds = attempts.begin(account, address)
      if (seconds > 0) return { kind: 'wait', seconds }
      const user = await byEmail(account)
      const verdict = await verifier.verify(password, user && (await passwordHash(db, user.id)))
      if (verdict === 'busy') return { kind: 'wait', seconds: 5 }
      if (verdict === 'wrong' || !user) return { kind: 'refused' }
      attempts.succeeded(account, address)
      return { kind: 'ok', user }
    },

    setPassword: async (email, password) => {
      const user = await mustFind(email)
      checkPassword(password)
      const hash = await hashPassword(password)
      await db.update(users).set({ passwordHash: hash, updatedAt: clock.now() }).where(eq(users.id, user.id))
      await deps.onCredentialsChanged(user)
    },

    remove: async (email) => {
      const user = await mustFind(email)
      await deps.onCredentialsChanged(user)
      await db.delete(users).where(eq(users.id, user.id))
    },
  }
}

async function addLocal(db: Db, now: number, tenant: Tenant, account: NewLocalAccount): Promise<User> {
  const email = checkEmail(account.email)
  checkPassword(account.password)
  const passwordHash = await hashPassword(account.password)
  const nickName = email.slice(0, email.indexOf('@'))
  const row = {
    id: newId('usr'),
    provider: LOCAL,
    subject: randomBytes(16).toString('hex'),
    email,
    name: account.name?.trim() || nickName,
    nickName,
    avatarUrl: null,
    tenantId: tenant.id,
    organizations: [],
    groups: [],
    createdAt: now,
    updatedAt: now,
  }
  // Looked up and inserted in one transaction: `server user add` may run beside the server.
  const role = db.transaction(
    (tx) => {
      const mine = and(eq(users.provider, LOCAL), eq(users.email, email))
      if (tx.select({ id: users.id }).from(users).where(mine).get()) {
        throw new Fault('conflict', `the e-mail ${email} already has an account`, {
          hint: `fob server user passwd ${email} sets its password`,
        })
      }
      const first = (tx.select({ n: count() }).from(users).get()?.n ?? 0) === 0
      const chosen = account.role ?? (first ? 'admin' : 'member')
      tx.insert(users)
        .values({ ...row, passwordHash })
        .run()
      tx.insert(memberships)
        .values({ userId: row.id, tenantId: tenant.id, role: chosen, createdAt: now })
        .run()
      return chosen
    },
    { behavior: 'immediate' },
  )
  return toUser({ ...row, role, slug: tenant.slug })
}

/** @returns the account's ID. In one transaction, so that two first logins at once make one account. */
function upsertUpstream(db: Db, now: number, tenant: Tenant, profile: UpstreamProfile): string {
  const { provider, subject, organizations, groups, ...rest } = profile
  if (provider === LOCAL) throw new Fault('failed', 'a vendor cannot vouch for a local account')
  const known = { ...rest, organizations: [...organizations], groups: [...groups], updatedAt: now }
  return db.transaction(
    (tx) => {
      const key = and(eq(users.provider, provider), eq(users.subject, subject))
      const found = tx.select({ id: users.id }).from(users).where(key).get()
      if (found) {
        tx.update(users).set(known).where(eq(users.id, found.id)).run()
        return found.id
      }
      const id = newId('usr')
      tx.insert(users)
        .values({ id, provider, subject, tenantId: tenant.id, createdAt: now, ...known })
        .run()
      tx.insert(memberships).values({ userId: id, tenantId: tenant.id, role: 'member', createdAt: now }).run()
      return id
    },
    { behavior: 'immediate' },
  )
}

const columns = {
  id: users.id,
  provider: users.provider,
  subject: users.subject,
  email: users.email,
  name: users.name,
  nickName: users.nickName,
  avatarUrl: users.avatarUrl,
  organizations: users.organizations,
  groups: users.groups,
  role: memberships.role,
  tenantId: users.tenantId,
  slug: tenants.slug,
  createdAt: users.createdAt,
}

function select(db: Db) {
  return db
    .select(columns)
    .from(users)
    .innerJoin(tenants, eq(tenants.id, users.tenantId))
    .innerJoin(memberships, and(eq(memberships.userId, users.id), eq(memberships.tenantId, users.tenantId)))
    .$dynamic()
}

type UserRow = Omit<User, 'tenant'> & { tenantId: string; slug: string }

function toUser({ tenantId, slug, ...row }: UserRow): User {
  // Field by field: what else a row may hold (a hash) must not travel with the user.
  return {
    id: row.id,
    provider: row.provider,
    subject: row.subject,
    email: row.email,
    name: row.name,
    nickName: row.nickName,
    avatarUrl: row.avatarUrl,
    organizations: row.organizations,
    groups: row.groups,
    tenant: { id: tenantId, slug },
    role: row.role,
    createdAt: row.createdAt,
  }
}

async function passwordHash(db: Db, userId: string): Promise<string | undefined> {
  const [row] = await db.select({ hash: users.passwordHash }).from(users).where(eq(users.id, userId)).limit(1)
  return row?.hash ?? undefined
}

async function ensureDefaultTenant(db: Db, now: number): Promise<Tenant> {
  // The same ID everywhere: secrets in a bucket are found by it when the database is a new one.
  await db
    .insert(tenants)
    .values({ id: 'ten_default', slug: 'default', name: 'Default', createdAt: now })
    .onConflictDoNothing()
  const [row] = await db
    .select({ id: tenants.id, slug: tenants.slug })
    .from(tenants)
    .where(eq(tenants.slug, 'default'))
    .limit(1)
  if (!row) throw new Fault('failed', 'the default tenant could not be made')
  return row
}
