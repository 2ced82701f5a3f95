/** Accounts of people whom an identity provider vouches for. */
import { and, eq } from 'drizzle-orm'
import type { Db } from '../db/open-database.ts'
import { users } from '../db/schema.ts'
import type { IdentityProviderProfile, User } from './user-types.ts'

/** What an identity provider says of a person, as columns. */
export function columnsOf(profile: IdentityProviderProfile, now: number) {
  const { provider: _provider, subject: _subject, organizations, groups, ...rest } = profile
  const lists = { organizations: [...organizations], groups: [...groups] }
  return { ...rest, ...lists, membershipsReadAt: now, updatedAt: now }
}

/** An account as it was when its identity provider was asked: a login meanwhile knows better. */
type Asked = Pick<User, 'id' | 'membershipsReadAt'>

function unchanged({ id, membershipsReadAt }: Asked) {
  return and(eq(users.id, id), eq(users.membershipsReadAt, membershipsReadAt ?? 0))
}

/**
 * Brings an account up to date with what its identity provider says now. It never creates one: the person may have been
 * removed while the identity provider was asked.
 * @returns false where that was so, or the person has logged in meanwhile
 */
export function updateIdentityProviderAccount(
  tx: Pick<Db, 'update'>,
  now: number,
  asked: Asked,
  profile: IdentityProviderProfile,
): boolean {
  const same = and(unchanged(asked), eq(users.provider, profile.provider), eq(users.subject, profile.subject))
  const set = tx.update(users).set(columnsOf(profile, now)).where(same)
  return set.returning({ id: users.id }).all().length > 0
}

/**
 * From now on nobody knows the person's memberships, until they log in again.
 * @returns false where they did so just now: what was found out is about an earlier login
 */
export function forgetMemberships(tx: Pick<Db, 'update'>, asked: Asked): boolean {
  const set = tx.update(users).set({ membershipsReadAt: 0 }).where(unchanged(asked))
  return set.returning({ id: users.id }).all().length > 0
}
