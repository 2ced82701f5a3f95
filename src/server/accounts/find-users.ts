/** Queries for users: their own row, the tenant that they are seen in, and their role there. */
import { and, eq, sql } from 'drizzle-orm'
import type { Db } from '../db/open-database.ts'
import { memberships, tenants, users } from '../db/schema.ts'
import type { User } from './user-types.ts'

/** Users as the tables have them: their own row, the tenant they are seen in, and the role there. */

/** What of `users` makes a `User`. Field by field: the hash of a password must not travel with it. */
const ofUser = {
  id: users.id,
  provider: users.provider,
  subject: users.subject,
  email: users.email,
  name: users.name,
  nickName: users.nickName,
  avatarUrl: users.avatarUrl,
  organizations: users.organizations,
  groups: users.groups,
  membershipsReadAt: users.membershipsReadAt,
  createdAt: users.createdAt,
}

/** Every user in their own tenant, for a condition and an order to be added. Its rows are those of `toUser`. */
export function selectUsers(db: Db) {
  return db
    .select({ user: ofUser, tenant: { id: tenants.id, slug: tenants.slug }, role: memberships.role })
    .from(users)
    .innerJoin(tenants, eq(tenants.id, users.tenantId))
    .innerJoin(memberships, and(eq(memberships.userId, users.id), eq(memberships.tenantId, users.tenantId)))
    .$dynamic()
}

export function toUser({
  user,
  tenant,
  role,
}: {
  user: Omit<User, 'tenant' | 'role'>
  tenant: User['tenant']
  role: User['role']
}): User {
  return { ...user, tenant, role }
}

/**
 * A user as they are in one tenant; without one, in their own. Undefined when they do not, or no longer, belong
 * to it.
 */
export type FindUser = (userId: string, tenantId?: string) => User | undefined

/**
 * Three looks by primary key rather than one join: calls with a credential do this, and SQLite takes 6 µs for
 * the looks and 25 µs for the join.
 */
export function userFinder(db: Db): FindUser {
  const ofId = db
    .select({ user: ofUser, home: users.tenantId })
    .from(users)
    .where(eq(users.id, sql.placeholder('userId')))
    .prepare()
  const tenantOf = db
    .select({ id: tenants.id, slug: tenants.slug })
    .from(tenants)
    .where(eq(tenants.id, sql.placeholder('tenantId')))
    .prepare()
  const membership = db
    .select({ role: memberships.role })
    .from(memberships)
    .where(
      and(
        eq(memberships.userId, sql.placeholder('userId')),
        eq(memberships.tenantId, sql.placeholder('tenantId')),
      ),
    )
    .prepare()
  return (userId, wanted) => {
    const found = ofId.get({ userId })
    if (found === undefined) return undefined
    const tenantId = wanted ?? found.home
    const role = membership.get({ userId, tenantId })?.role
    const tenant = role && tenantOf.get({ tenantId })
    return tenant && toUser({ user: found.user, tenant, role })
  }
}
