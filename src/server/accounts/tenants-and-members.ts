/** Tenants, and who belongs to them in which role. */
import { and, asc, count, eq, gt } from 'drizzle-orm'
import { Fault } from '../../contract/fault.ts'
import type { Clock } from '../../platform/clock.ts'
import { newId } from '../db/new-id.ts'
import type { Db } from '../db/open-database.ts'
import {
  cliTokens,
  downloadTokens,
  invitations,
  memberships,
  pendingMembers,
  pipelineRules,
  pipelines,
  runners,
  runs,
  secrets,
  secretUses,
  serviceKeys,
  tenants as table,
  users,
} from '../db/schema.ts'
import type { AccountRole, Tenant, User } from './user-types.ts'
import { keepAnAdministrator } from './keep-an-administrator.ts'

/** A tenant with what people call it. */
interface NamedTenant extends Tenant {
  name: string
  /** Milliseconds since 1970. */
  createdAt: number
}

interface Membership {
  tenant: NamedTenant
  role: AccountRole
}

/** A user as a member of one tenant. */
export interface Member extends Pick<
  User,
  | 'provider'
  | 'subject'
  | 'email'
  | 'name'
  | 'nickName'
  | 'avatarUrl'
  | 'organizations'
  | 'groups'
  | 'membershipsReadAt'
> {
  userId: string
  role: AccountRole
  /** Since when, in milliseconds since 1970. */
  since: number
}

export interface Tenants {
  /** @throws Fault `usage` for a slug that is not valid, `conflict` for one that is taken */
  add(tenant: { slug: string; name?: string | undefined }): Promise<NamedTenant>
  /** By slug. */
  list(): Promise<NamedTenant[]>
  /** @throws Fault `not_found` */
  get(slug: string): Promise<NamedTenant>
  /**
   * With the tokens that people have for it.
   * @throws Fault `not_found`, `conflict` while anything belongs to it or somebody has no other
   */
  remove(slug: string): Promise<void>
  /** The tenants that a user belongs to, by slug. */
  membershipsOf(userId: string): Promise<Membership[]>
  /** What the user is in the tenant of that name; undefined: nothing, or there is no such tenant. */
  membership(userId: string, slug: string): Promise<Membership | undefined>
  /** A tenant's people, by user ID. `cursor` is the last one of the page before. */
  members(
    tenantId: string,
    page: { limit: number; cursor?: string },
  ): Promise<{ items: Member[]; next: string | null }>
  /** Makes a user a member, or changes their role. @throws Fault `conflict` for the last administrator's */
  setMember(member: { userId: string; tenantId: string; role: AccountRole }): Promise<void>
  /** @throws Fault `not_found`, `conflict` for a user's only tenant and for a tenant's last administrator */
  removeMember(member: { userId: string; tenantId: string }): Promise<void>
}

/** It travels in `X-Tenant`, in addresses and in file names. */
const SLUG = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

const columns = { id: table.id, slug: table.slug, name: table.name, createdAt: table.createdAt }

type Tx = Parameters<Parameters<Db['transaction']>[0]>[0]

export function openTenants({ db, clock }: { db: Db; clock: Clock }): Tenants {
  const get: Tenants['get'] = async (slug) => {
    const [tenant] = await db.select(columns).from(table).where(eq(table.slug, slug)).limit(1)
    if (tenant) return tenant
    throw new Fault('not_found', `there is no tenant ${JSON.stringify(slug.slice(0, 80))}`, {
      hint: 'list the tenants with "fob server tenant list"',
    })
  }
  const selectMemberships = () =>
    db
      .select({ tenant: columns, role: memberships.role })
      .from(memberships)
      .innerJoin(table, eq(table.id, memberships.tenantId))
      .$dynamic()

  return {
    get,
    list: async () => db.select(columns).from(table).orderBy(asc(table.slug)),
    add: async ({ slug, name }) => add(db, { slug, name: name?.trim() || slug, createdAt: clock.now() }),
    remove: async (slug) => remove(db, await get(slug)),
    membershipsOf: async (userId) =>
      selectMemberships().where(eq(memberships.userId, userId)).orderBy(asc(table.slug)),
    membership: async (userId, slug) => {
      const [row] = await selectMemberships()
        .where(and(eq(memberships.userId, userId), eq(table.slug, slug)))
        .limit(1)
      return row
    },
    members: (tenantId, page) => members(db, tenantId, page),
    setMember: async (member) => setMember(db, clock.now(), member),
    removeMember: async (member) => removeMember(db, member),
  }
}

async function add(db: Db, tenant: Omit<NamedTenant, 'id'>): Promise<NamedTenant> {
  if (!SLUG.test(tenant.slug)) {
    throw new Fault('usage', 'a tenant has up to 63 small letters, digits and "-"', {
      hint: 'for example acme-labs',
    })
  }
  const [row] = await db
    .insert(table)
    .values({ id: newId('ten'), ...tenant })
    .onConflictDoNothing()
    .returning(columns)
  if (row) return row
  throw new Fault('conflict', `there is a tenant ${tenant.slug} already`)
}

/** What a tenant has to be rid of first, with the command for it. */
const MUST_GO = [
  { what: 'pipelines', from: pipelines, by: 'fob pipeline rm' },
  { what: 'runs', from: runs, by: 'waiting (--keep-runs of the server)' },
  { what: 'secrets', from: secrets, by: 'fob secrets rm' },
  { what: 'runners', from: runners, by: 'fob runners rm' },
  { what: 'service keys', from: serviceKeys, by: 'fob server service-key rm' },
] as const

/** What is deleted with it: its members' credentials, and records about what was deleted before. */
const GOES_TOO = [cliTokens, downloadTokens, pipelineRules, secretUses, pendingMembers, invitations]

function remove(db: Db, { id, slug }: NamedTenant): void {
  if (slug === 'default') throw new Fault('conflict', 'the tenant default is the server’s own and stays')
  db.transaction(
    (tx) => {
      const left = MUST_GO.map(({ what, from, by }) => {
        const n = tx.select({ n: count() }).from(from).where(eq(from.tenantId, id)).get()?.n ?? 0
        return { what, by, n }
      }).filter(({ n }) => n > 0)
      if (left.length > 0) {
        const what = left.map(({ what, n }) => `${n} ${what}`).join(', ')
        const hint = `remove ${left.map(({ what, by }) => `${what} by ${by}`).join(', ')}`
        throw new Fault('conflict', `the tenant ${slug} is not empty: ${what}`, { hint })
      }
      for (const from of GOES_TOO) tx.delete(from).where(eq(from.tenantId, id)).run()
      const people = tx.select().from(memberships).where(eq(memberships.tenantId, id)).all()
      for (const { userId } of people) leave(tx, { userId, tenantId: id })
      tx.delete(table).where(eq(table.id, id)).run()
    },
    { behavior: 'immediate' },
  )
}

async function members(
  db: Db,
  tenantId: string,
  { limit, cursor }: { limit: number; cursor?: string },
): Promise<{ items: Member[]; next: string | null }> {
  const after = cursor === undefined ? undefined : gt(memberships.userId, cursor)
  const rows = await db
    .select({
      userId: users.id,
      provider: users.provider,
      subject: users.subject,
      email: users.email,
      name: users.name,
      nickName: users.nickName,
      avatarUrl: users.avatarUrl,
      organizations: users.organizations,
      groups: users.groups,
      membershipsReadAt: users.membershipsReadAt,
      role: memberships.role,
      since: memberships.createdAt,
    })
    .from(memberships)
    .innerJoin(users, eq(users.id, memberships.userId))
    .where(and(eq(memberships.tenantId, tenantId), after))
    .orderBy(asc(memberships.userId))
    .limit(limit + 1)
  const items = rows.slice(0, limit)
  return { items, next: rows.length > limit ? (items.at(-1)?.userId ?? null) : null }
}

function setMember(
  db: Db,
  createdAt: number,
  member: { userId: string; tenantId: string; role: AccountRole },
): void {
  db.transaction(
    (tx) => {
      if (member.role !== 'admin') keepAnAdministrator(tx, member)
      tx.insert(memberships)
        .values({ ...member, createdAt })
        .onConflictDoUpdate({
          target: [memberships.userId, memberships.tenantId],
          set: { role: member.role },
        })
        .run()
    },
    { behavior: 'immediate' },
  )
}

function removeMember(db: Db, member: { userId: string; tenantId: string }): void {
  db.transaction(
    (tx) => {
      const mine = and(eq(memberships.userId, member.userId), eq(memberships.tenantId, member.tenantId))
      if (!tx.select().from(memberships).where(mine).get()) {
        throw new Fault('not_found', 'that user is not a member of that tenant')
      }
      keepAnAdministrator(tx, member)
      leave(tx, member)
    },
    { behavior: 'immediate' },
  )
}

/** Everybody belongs somewhere: an account without a tenant could do nothing and would be forgotten. */
function leave(tx: Tx, { userId, tenantId }: { userId: string; tenantId: string }): void {
  tx.delete(memberships)
    .where(and(eq(memberships.userId, userId), eq(memberships.tenantId, tenantId)))
    .run()
  const other = tx
    .select({ tenantId: memberships.tenantId })
    .from(memberships)
    .where(eq(memberships.userId, userId))
    .orderBy(asc(memberships.createdAt), asc(memberships.tenantId))
    .limit(1)
    .get()
  if (!other) {
    throw new Fault('conflict', 'that is the only tenant of a user', {
      hint: 'make them a member of another tenant first, or remove the account',
    })
  }
  tx.update(users)
    .set({ tenantId: other.tenantId })
    .where(and(eq(users.id, userId), eq(users.tenantId, tenantId)))
    .run()
}
