/** The person whom the settings name as administrator (`--admin`), so that no server is without one. */
import { and, eq } from 'drizzle-orm'
import type { Db, Transaction } from '../db/open-database.ts'
import { memberships } from '../db/schema.ts'
import { normaliseEmail } from './email-and-password-rules.ts'
import type { IdentityProviderProfile, Tenant, User } from './user-types.ts'

/** By an e-mail that an identity provider has verified or a local account has, or by an ID of a provider. */
export type NamedAdministrator =
  | { kind: 'email'; email: string }
  | { kind: 'account'; provider: string; subject: string }

function isNamed(user: Pick<User, 'provider' | 'subject' | 'email'>, named: NamedAdministrator): boolean {
  if (named.kind === 'account') return user.provider === named.provider && user.subject === named.subject
  return user.email !== null && normaliseEmail(user.email) === normaliseEmail(named.email)
}

/**
 * Whether this person is to become the first administrator of the tenant: then they are let in, also where logging in
 * makes nobody else a member.
 */
export function isAwaited(
  tx: Transaction,
  profile: IdentityProviderProfile,
  tenant: Tenant,
  named: NamedAdministrator,
): boolean {
  return isNamed(profile, named) && !hasAdministrator(tx, tenant.id)
}

function hasAdministrator(tx: Transaction, tenantId: string): boolean {
  const isAdmin = and(eq(memberships.tenantId, tenantId), eq(memberships.role, 'admin'))
  return tx.select({ id: memberships.userId }).from(memberships).where(isAdmin).limit(1).get() !== undefined
}

/**
 * Makes the person an administrator of their tenant, if it is the named one and the tenant has no administrator. Only
 * then: an e-mail that is given to somebody else later must not bring the role along, and a role that was taken away
 * must not come back.
 * @returns whether that was done
 */
export function becomeFirstAdministrator(db: Db, user: User, named: NamedAdministrator): boolean {
  if (!isNamed(user, named)) return false
  const ofTenant = eq(memberships.tenantId, user.tenant.id)
  return db.transaction(
    (tx) => {
      if (hasAdministrator(tx, user.tenant.id)) return false
      const isTheirs = and(ofTenant, eq(memberships.userId, user.id))
      const set = tx.update(memberships).set({ role: 'admin' }).where(isTheirs)
      return set.returning({ id: memberships.userId }).all().length > 0
    },
    { behavior: 'immediate' },
  )
}
