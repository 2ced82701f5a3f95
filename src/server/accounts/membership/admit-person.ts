/** The login of a person whom an identity provider vouches for: who is let in for the first time, and as what. */
import { and, eq } from 'drizzle-orm'
import { Fault } from '../../../contract/fault.ts'
import { newId } from '../../db/new-id.ts'
import type { Db, Transaction } from '../../db/open-database.ts'
import { memberships, tenants, users } from '../../db/schema.ts'
import { columnsOf } from '../identity-provider-accounts.ts'
import { LOCAL } from '../local-accounts.ts'
import type { DefaultRole, IdentityProviderProfile, Tenant, User } from '../user-types.ts'
import { type InvitedPerson, takeInvitation } from './invitations.ts'
import { type Arriving, type Grant, takePending } from './pending-members.ts'

/** Why somebody is a member of a tenant from now on. */
interface NewMembership extends Grant {
  user: Pick<User, 'provider' | 'subject'>
  by: 'pending' | 'invitation' | 'default-role'
  /** The ID of the invitation, where it was one. */
  invitation?: string
}

export interface AdmissionRules {
  defaultTenant: Tenant
  /** What somebody gets in the default tenant who is not known yet. */
  defaultRole: DefaultRole
  /** Whether the server's rule lets this person in. */
  admits: (user: User) => boolean
  /** Whether this person is to become the first administrator, and is let in for it. */
  isAwaited: (tx: Transaction, profile: IdentityProviderProfile) => boolean
  /** Told in the transaction of the change. */
  onMember: (membership: NewMembership, tx: Transaction) => void
}

export type Admission =
  | { kind: 'ok'; userId: string }
  /** The server's rule keeps the person out. Nothing is stored. */
  | { kind: 'not_admitted' }
  /** Nobody has made the person a member of a tenant. Nothing is stored. */
  | { kind: 'not_a_member' }

/**
 * Creates the account at the first login, and brings it up to date at each one. In one transaction, so that two first
 * logins at once create one account, and an invitation makes one member.
 * @param invitationId the invitation that the person is accepting by this login
 */
export function admitPerson(
  db: Db,
  now: number,
  {
    profile,
    invitationId,
    rules,
  }: { profile: IdentityProviderProfile; invitationId?: string | undefined; rules: AdmissionRules },
): Admission {
  const { provider, subject } = profile
  if (provider === LOCAL) throw new Fault('failed', 'an identity provider cannot log in to a local account')
  return db.transaction(
    (tx) => {
      const key = and(eq(users.provider, provider), eq(users.subject, subject))
      const found = tx.select({ id: users.id }).from(users).where(key).get()
      if (found === undefined) return admitNew(tx, now, { profile, invitationId, rules })
      tx.update(users).set(columnsOf(profile, now)).where(eq(users.id, found.id)).run()
      applyPending(tx, now, { ...profile, id: found.id }, rules.onMember)
      return { kind: 'ok', userId: found.id }
    },
    { behavior: 'immediate' },
  )
}

/** Makes a known person a member of what is written down for them; a role that they have already stays. */
export function applyPending(
  tx: Transaction,
  now: number,
  person: Arriving & { id: string },
  onMember: AdmissionRules['onMember'],
): boolean {
  const grants = takePending(tx, now, person).filter(({ tenantId }) => {
    const mine = and(eq(memberships.userId, person.id), eq(memberships.tenantId, tenantId))
    return tx.select({ role: memberships.role }).from(memberships).where(mine).get() === undefined
  })
  for (const { tenantId, role } of grants) {
    tx.insert(memberships).values({ userId: person.id, tenantId, role, createdAt: now }).run()
    onMember({ tenantId, role, user: person, by: 'pending' }, tx)
  }
  return grants.length > 0
}

function admitNew(
  tx: Transaction,
  now: number,
  {
    profile,
    invitationId,
    rules,
  }: { profile: IdentityProviderProfile; invitationId: string | undefined; rules: AdmissionRules },
): Admission {
  const { provider, subject } = profile
  const id = newId('usr')
  const known = columnsOf(profile, now)
  // What was taken from the tables is there again if the person is not let in.
  return rolledBackUnlessOk(tx, () => {
    const granted = grantsOf(tx, now, { profile, invitationId, rules })
    if (granted.length === 0) return { kind: 'not_a_member' }
    const home = granted.find((grant) => rules.admits(asUser(tx, { id, now, profile, grant })))
    if (home === undefined) return { kind: 'not_admitted' }
    tx.insert(users)
      .values({ id, provider, subject, tenantId: home.tenantId, createdAt: now, ...known })
      .run()
    for (const grant of granted) {
      const { tenantId, role } = grant
      tx.insert(memberships).values({ userId: id, tenantId, role, createdAt: now }).run()
      rules.onMember({ ...grant, user: profile }, tx)
    }
    return { kind: 'ok', userId: id }
  })
}

/** Each tenant once, the default one first. */
function grantsOf(
  tx: Transaction,
  now: number,
  {
    profile,
    invitationId,
    rules: { defaultTenant, defaultRole, isAwaited },
  }: { profile: IdentityProviderProfile; invitationId: string | undefined; rules: AdmissionRules },
): Omit<NewMembership, 'user'>[] {
  const person: InvitedPerson = profile
  const invited =
    invitationId === undefined ? undefined : takeInvitation(tx, now, { id: invitationId, person })
  const everybody = defaultRole === 'none' ? (isAwaited(tx, profile) ? 'member' : undefined) : defaultRole
  const all: Omit<NewMembership, 'user'>[] = [
    ...(invited === undefined || invitationId === undefined
      ? []
      : [{ ...invited, by: 'invitation' as const, invitation: invitationId }]),
    ...takePending(tx, now, profile).map((grant) => Object.assign(grant, { by: 'pending' as const })),
    ...(everybody === undefined
      ? []
      : [{ tenantId: defaultTenant.id, role: everybody, by: 'default-role' as const }]),
  ]
  const once = all.filter((grant, i) => all.findIndex(({ tenantId }) => tenantId === grant.tenantId) === i)
  const isDefault = ({ tenantId }: Grant) => tenantId === defaultTenant.id
  return [...once.filter(isDefault), ...once.filter((grant) => !isDefault(grant))]
}

/** The account that it would be, for the rule to decide on. */
function asUser(
  tx: Transaction,
  { id, now, profile, grant }: { id: string; now: number; profile: IdentityProviderProfile; grant: Grant },
): User {
  const slug = tx.select({ slug: tenants.slug }).from(tenants).where(eq(tenants.id, grant.tenantId)).get()
  const tenant = { id: grant.tenantId, slug: slug?.slug ?? '' }
  return { id, ...profile, membershipsReadAt: now, tenant, role: grant.role, createdAt: now }
}

/** Thrown to leave a nested transaction, which is then undone. */
class Undone extends Error {
  readonly outcome: Admission
  constructor(outcome: Admission) {
    super('not let in')
    this.outcome = outcome
  }
}

function rolledBackUnlessOk(tx: Transaction, work: () => Admission): Admission {
  try {
    return tx.transaction(() => {
      const outcome = work()
      if (outcome.kind !== 'ok') throw new Undone(outcome)
      return outcome
    })
  } catch (error) {
    if (error instanceof Undone) return error.outcome
    throw error
  }
}
