/** The rule that every tenant with people in it keeps an administrator. */
import { and, eq, ne } from 'drizzle-orm'
import { Fault } from '../../contract/fault.ts'
import type { Db } from '../db/open-database.ts'
import { memberships, tenants } from '../db/schema.ts'

/** Every tenant with people in it has somebody who can administer it. */

type Read = Pick<Db, 'select'>

/** @throws Fault `conflict` when this user is the tenant's only administrator */
export function keepAnAdministrator(
  tx: Read,
  { userId, tenantId }: { userId: string; tenantId: string },
): void {
  const admins = tx
    .select({ userId: memberships.userId })
    .from(memberships)
    .where(and(eq(memberships.tenantId, tenantId), eq(memberships.role, 'admin')))
    .limit(2)
    .all()
  if (admins.length !== 1 || admins[0]?.userId !== userId) return
  const tenant = tx.select({ slug: tenants.slug }).from(tenants).where(eq(tenants.id, tenantId)).get()
  throw new Fault('conflict', `that user is the only administrator of the tenant ${tenant?.slug ?? ''}`, {
    hint: 'make somebody else an administrator first',
  })
}

/**
 * The same for all tenants of a user who goes altogether. One in which nobody else is left needs nobody.
 * @throws Fault `conflict` for the first of them
 */
export function keepAdministrators(tx: Read, userId: string): void {
  const isTheirs = and(eq(memberships.userId, userId), eq(memberships.role, 'admin'))
  for (const { tenantId } of tx.select().from(memberships).where(isTheirs).all()) {
    const isOther = and(eq(memberships.tenantId, tenantId), ne(memberships.userId, userId))
    if (tx.select().from(memberships).where(isOther).get()) keepAnAdministrator(tx, { userId, tenantId })
  }
}
