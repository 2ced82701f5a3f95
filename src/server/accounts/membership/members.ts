/**
 * Owns: the members of a tenant as people name them, those included who have not logged in yet.
 * Refuses: to guess between people whom a name fits, and to leave a tenant without an administrator.
 */
import { and, eq } from 'drizzle-orm'
import { Fault } from '../../../contract/fault.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Db } from '../../db/open-database.ts'
import { memberships, users } from '../../db/schema.ts'
import type { Accounts } from '../accounts.ts'
import { keepAnAdministrator } from '../keep-an-administrator.ts'
import { LOCAL } from '../local-accounts.ts'
import type { Tenants } from '../tenants-and-members.ts'
import type { AccountRole, User } from '../user-types.ts'
import { findPerson } from './find-person.ts'
import {
  addPending,
  listPending,
  NAME_LIFE_MS,
  type PendingMember,
  purgePending,
  removePending,
} from './pending-members.ts'
import { parsePersonName, type PersonName } from './person-names.ts'

type SetMember =
  /** @property since when they are a member, in milliseconds since 1970 */
  { kind: 'member'; user: User; since: number } | { kind: 'pending'; pending: PendingMember }

type RemovedMember =
  | { kind: 'member'; user: User }
  /** It was their only tenant, and the account went with it: they come from a provider, which keeps it. */
  | { kind: 'account'; user: User }
  | { kind: 'pending'; pending: PendingMember }

export interface Members {
  /**
   * The user of that name: an e-mail, a login at a provider, `PROVIDER:ID`, or an ID.
   * @throws Fault `not_found`, `usage` for a name that fits several, or none of these forms
   */
  find(who: string): User
  /**
   * Makes somebody a member, or changes their role; at once where they are known by a name that is still theirs, else at their next login.
   * @throws Fault as `find`, `conflict` for the last administrator's
   */
  set(member: { who: string; tenantId: string; role: AccountRole }): Promise<SetMember>
  /** @param member.who as above, or the ID of a pending membership. @throws Fault as `set`, `not_found` */
  remove(member: { who: string; tenantId: string }): Promise<RemovedMember>
  /** Who becomes a member of the tenant at their first login. */
  pending(tenantId: string): PendingMember[]
  /** Forgets what counts no longer. */
  purgeExpired(): Promise<void>
}

export function openMembers({
  db,
  clock,
  accounts,
  tenants,
}: {
  db: Db
  clock: Clock
  accounts: Pick<Accounts, 'remove'>
  tenants: Pick<Tenants, 'setMember' | 'removeMember' | 'membershipsOf'>
}): Members {
  const removeUser = async (user: User, tenantId: string): Promise<RemovedMember> => {
    const member = { userId: user.id, tenantId }
    const theirs = await tenants.membershipsOf(user.id)
    const isOnly = theirs.length === 1 && theirs[0]?.tenant.id === tenantId
    if (!isOnly || user.provider === LOCAL) {
      await tenants.removeMember(member)
      return { kind: 'member', user }
    }
    keepAnAdministrator(db, member)
    await accounts.remove(user.id)
    return { kind: 'account', user }
  }

  return {
    find: (who) => {
      const user = findPerson(db, parsePersonName(who))
      if (user) return user
      throw new Fault('not_found', `there is no user ${who}`, { hint: 'fob server user list shows them' })
    },
    set: async ({ who, tenantId, role }) => {
      const name = parsePersonName(who)
      const user = findPerson(db, name)
      if (user === undefined || isOutdated(db, clock.now(), { user, name, tenantId })) {
        const whose = name.kind === 'login' && user ? { ...name, provider: user.provider } : name
        return { kind: 'pending', pending: addPending(db, clock.now(), { name: whose, tenantId, role }) }
      }
      await tenants.setMember({ userId: user.id, tenantId, role })
      return { kind: 'member', user, since: sinceWhen(db, user.id, tenantId) ?? clock.now() }
    },
    remove: async ({ who, tenantId }) => {
      const name = who.startsWith('pen_') ? who : parsePersonName(who)
      const pending = removePending(db, tenantId, name)
      if (pending !== undefined) return { kind: 'pending', pending }
      const user = typeof name === 'string' ? undefined : findPerson(db, name)
      if (user !== undefined) return removeUser(user, tenantId)
      throw new Fault('not_found', `there is no member ${who}`, {
        hint: 'fob tenants members list shows them',
      })
    },
    pending: (tenantId) => listPending(db, clock.now(), tenantId),
    purgeExpired: async () => purgePending(db, clock.now()),
  }
}

/**
 * Whether the account had that name so long ago that somebody else may have it by now: then it waits for a login, as it
 * does for people who are not known. Who is a member is meant in any case, and changes their role.
 */
function isOutdated(
  db: Db,
  now: number,
  { user, name, tenantId }: { user: User; name: PersonName; tenantId: string },
): boolean {
  if (user.provider === LOCAL || (name.kind !== 'login' && name.kind !== 'email')) return false
  if (sinceWhen(db, user.id, tenantId) !== undefined) return false
  const row = db.select({ at: users.updatedAt }).from(users).where(eq(users.id, user.id)).get()
  return row !== undefined && now - row.at > NAME_LIFE_MS[name.kind]
}

function sinceWhen(db: Db, userId: string, tenantId: string): number | undefined {
  const mine = and(eq(memberships.userId, userId), eq(memberships.tenantId, tenantId))
  return db.select({ at: memberships.createdAt }).from(memberships).where(mine).get()?.at
}
