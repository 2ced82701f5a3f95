/** Accounts of people whom an identity provider vouches for. */
import { and, eq } from 'drizzle-orm'
import { Fault } from '../../contract/fault.ts'
import { newId } from '../db/new-id.ts'
import type { Db } from '../db/open-database.ts'
import { memberships, users } from '../db/schema.ts'
import type { Tenant, IdentityProviderProfile } from './user-types.ts'
import { LOCAL } from './local-accounts.ts'

/**
 * Makes or updates the account of a person whom an identity provider vouches for.
 * @returns the account's ID. In one transaction, so that two first logins at once make one account.
 */
export function upsertIdentityProviderAccount(
  db: Db,
  now: number,
  tenant: Tenant,
  profile: IdentityProviderProfile,
): string {
  const { provider, subject, organizations, groups, ...rest } = profile
  if (provider === LOCAL) throw new Fault('failed', 'an identity provider cannot log in to a local account')
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
