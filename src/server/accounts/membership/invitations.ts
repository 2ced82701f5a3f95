/**
 * Owns: invitations: links that make whoever has one a member of one tenant, once.
 * Refuses: to store a usable one (its SHA-256 alone is here), to count twice, after its end or after its creator has
 * ceased to administer the tenant, and to count for anybody but the owner of the e-mail where it names one.
 */
import { and, asc, eq, exists, gt, lt, type SQL, sql } from 'drizzle-orm'
import type { Secret } from '../../../redact/secret.ts'
import type { Clock } from '../../../platform/clock.ts'
import { newId } from '../../db/new-id.ts'
import type { Db, Transaction } from '../../db/open-database.ts'
import { invitations as table, memberships, tenants, users } from '../../db/schema.ts'
import { hashOf, mintToken } from '../create-and-hash-token.ts'
import { checkEmail, normaliseEmail } from '../email-and-password-rules.ts'
import type { AccountRole, Tenant } from '../user-types.ts'
import type { Grant } from './pending-members.ts'

export interface Invitation {
  id: string
  tenantId: string
  role: AccountRole
  /** The only person who may accept it; null: anybody with the link. */
  email: string | null
  /** Who created it, as the audit log names them. */
  createdBy: string
  /** Milliseconds since 1970. */
  createdAt: number
  expiresAt: number
}

/** What of a person decides whether an invitation is for them: an e-mail that somebody vouches for. */
export interface InvitedPerson {
  email: string | null
}

type Acceptance =
  | { kind: 'accepted'; tenant: Tenant; role: AccountRole }
  /** A member of that tenant already; the invitation is not used up. */
  | { kind: 'member'; tenant: Tenant }
  /** Used, revoked, expired, or for another e-mail. */
  | { kind: 'gone' }

export interface Invitations {
  /** @throws Fault `usage` for an implausible e-mail */
  create(invitation: {
    tenantId: string
    role: AccountRole
    email?: string | undefined
    createdBy: string
    lifeMs: number
  }): { value: Secret; invitation: Invitation }
  /** Those of a tenant that can still be accepted, oldest first. */
  list(tenantId: string): Invitation[]
  /** @returns whether there was one */
  revoke(tenantId: string, id: string): boolean
  /** The invitation of a link. Undefined when it was used, revoked, is over, or is none. */
  find(presented: string): Invitation | undefined
  byId(id: string): Invitation | undefined
  /** Uses the invitation up for somebody who has an account. @param onAccepted called in the same transaction */
  accept(
    id: string,
    person: InvitedPerson & { userId: string },
    onAccepted: (grant: Grant, tx: Transaction) => void,
  ): Acceptance
  /** Forgets those that are over. */
  purgeExpired(): Promise<void>
}

export function openInvitations({ db, clock }: { db: Db; clock: Clock }): Invitations {
  const alive = () => counts(db, clock.now())
  const byId: Invitations['byId'] = (id) =>
    shown(
      db
        .select()
        .from(table)
        .where(and(eq(table.id, id), alive()))
        .get(),
    )
  return {
    create({ tenantId, role, email, createdBy, lifeMs }) {
      const { token, hash } = mintToken('iv')
      const createdAt = clock.now()
      const invitation = {
        id: newId('inv'),
        tenantId,
        role,
        email: email === undefined ? null : checkEmail(email),
        createdBy,
        createdAt,
        expiresAt: createdAt + lifeMs,
      }
      db.insert(table)
        .values({ ...invitation, hash })
        .run()
      return { value: token, invitation }
    },
    list: (tenantId) =>
      db
        .select()
        .from(table)
        .where(and(eq(table.tenantId, tenantId), alive()))
        .orderBy(asc(table.id))
        .all()
        .flatMap((row) => shown(row) ?? []),
    revoke: (tenantId, id) =>
      db
        .delete(table)
        .where(and(eq(table.tenantId, tenantId), eq(table.id, id)))
        .returning({ id: table.id })
        .all().length > 0,
    find(presented) {
      const hash = hashOf('iv', presented)
      if (hash === undefined) return undefined
      return shown(
        db
          .select()
          .from(table)
          .where(and(eq(table.hash, hash), alive()))
          .get(),
      )
    },
    byId,
    accept: (id, { userId, email }, onAccepted) =>
      db.transaction(
        (tx): Acceptance => {
          const known = byId(id)
          const tenant = known && tenantOf(tx, known.tenantId)
          if (known === undefined || tenant === undefined) return { kind: 'gone' }
          const mine = and(eq(memberships.userId, userId), eq(memberships.tenantId, tenant.id))
          if (tx.select().from(memberships).where(mine).get()) return { kind: 'member', tenant }
          const grant = takeInvitation(tx, clock.now(), { id, person: { email } })
          if (grant === undefined) return { kind: 'gone' }
          tx.insert(memberships)
            .values({ userId, ...grant, createdAt: clock.now() })
            .run()
          onAccepted(grant, tx)
          return { kind: 'accepted', tenant, role: grant.role }
        },
        { behavior: 'immediate' },
      ),
    purgeExpired: async () => {
      db.delete(table).where(lt(table.expiresAt, clock.now())).run()
    },
  }
}

/** Who was removed, or administers no longer, must not come back by a link that they have created before. */
function counts(db: Pick<Db, 'select'>, now: number): SQL | undefined {
  const creators = administratorsOf(db, table.tenantId, table.createdBy)
  return and(gt(table.expiresAt, now), exists(creators))
}

/**
 * The administrator of a tenant whom the audit log calls so; a query without a row where there is none.
 * @param tenantId a column of the query that this is a part of, or a text; so is `account`
 */
export function administratorsOf(
  db: Pick<Db, 'select'>,
  tenantId: string | typeof table.tenantId,
  account: string | typeof table.createdBy,
) {
  const isAccount = eq(sql`${users.provider} || ':' || ${users.subject}`, account)
  const isAdministrator = and(eq(memberships.tenantId, tenantId), eq(memberships.role, 'admin'))
  return db
    .select({ id: users.id })
    .from(memberships)
    .innerJoin(users, eq(users.id, memberships.userId))
    .where(and(isAdministrator, isAccount))
}

function tenantOf(tx: Transaction, id: string): Tenant | undefined {
  return tx.select({ id: tenants.id, slug: tenants.slug }).from(tenants).where(eq(tenants.id, id)).get()
}

/** Uses an invitation up. Undefined when there is none, or it is for somebody else: then it stays. */
export function takeInvitation(
  tx: Transaction,
  now: number,
  { id, person }: { id: string; person: InvitedPerson },
): Grant | undefined {
  const alive = and(eq(table.id, id), counts(tx, now))
  const row = tx.select().from(table).where(alive).get()
  if (row === undefined || !isFor(row, person)) return undefined
  tx.delete(table).where(eq(table.id, id)).run()
  return { tenantId: row.tenantId, role: row.role }
}

/** Whether somebody with this e-mail may accept it. */
export function isFor({ email }: Pick<Invitation, 'email'>, person: InvitedPerson): boolean {
  return email === null || (person.email !== null && normaliseEmail(person.email) === email)
}

function shown(row: typeof table.$inferSelect | undefined): Invitation | undefined {
  if (row === undefined) return undefined
  const { hash: _, ...invitation } = row
  return invitation
}
