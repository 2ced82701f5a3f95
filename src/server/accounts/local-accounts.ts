/** The server's own accounts, which have passwords. */
import { randomBytes } from 'node:crypto'
import { and, count, eq } from 'drizzle-orm'
import { Fault } from '../../contract/fault.ts'
import { newId } from '../db/new-id.ts'
import type { Db, Transaction } from '../db/open-database.ts'
import { memberships, users } from '../db/schema.ts'
import type { AccountRole, NewLocalAccount, Tenant, User } from './user-types.ts'
import { checkEmail, checkPassword } from './email-and-password-rules.ts'
import { hashPassword } from './password-hash.ts'

/** The provider's name for the server's own accounts. */
export const LOCAL = 'local'

/**
 * @param account.onAdd called in the transaction that adds it; what it throws undoes it
 * @throws Fault `usage` for an implausible e-mail or a short password, `conflict` for a taken e-mail
 */
export async function addLocal(
  db: Db,
  now: number,
  tenant: Tenant,
  account: NewLocalAccount & { onAdd?: (user: User, tx: Transaction) => void },
): Promise<User> {
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
    membershipsReadAt: null,
    createdAt: now,
    updatedAt: now,
  }
  // Looked up and inserted in one transaction: `server user add` may run while the server runs.
  return db.transaction(
    (tx) => {
      const mine = and(eq(users.provider, LOCAL), eq(users.email, email))
      if (tx.select({ id: users.id }).from(users).where(mine).get()) {
        throw new Fault('conflict', `the e-mail ${email} already has an account`, {
          hint: `set its password with "fob server user passwd ${email}"`,
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
      const added = asUser(row, tenant, chosen)
      account.onAdd?.(added, tx)
      return added
    },
    { behavior: 'immediate' },
  )
}

function asUser(
  row: Omit<User, 'tenant' | 'role'> & { updatedAt: number; tenantId: string },
  tenant: Tenant,
  role: AccountRole,
): User {
  const { updatedAt: _, tenantId: __, ...user } = row
  return { ...user, tenant, role }
}

/** In PHC form; undefined for who has none. */
export async function passwordHash(db: Db, userId: string): Promise<string | undefined> {
  const [row] = await db.select({ hash: users.passwordHash }).from(users).where(eq(users.id, userId)).limit(1)
  return row?.hash ?? undefined
}
