/** The local account of somebody who accepts an invitation by choosing a password. */
import { eq } from 'drizzle-orm'
import { Fault } from '../../../contract/fault.ts'
import type { Secret } from '../../../redact/secret.ts'
import type { Db } from '../../db/open-database.ts'
import { tenants } from '../../db/schema.ts'
import { addLocal } from '../local-accounts.ts'
import type { Tenant, User } from '../user-types.ts'
import type { AdmissionRules } from './admit-person.ts'
import { administratorsOf, type Invitation, takeInvitation } from './invitations.ts'

interface InvitedAccount {
  invitation: Invitation
  password: Secret
  rules: Pick<AdmissionRules, 'admits' | 'defaultTenant' | 'onMember'>
}

/**
 * Whether an account with a password can come from this invitation. Nobody verifies its e-mail, which rules read and
 * other tenants know people by: only an administrator of the server can say whose it is, as by `fob server user add`.
 * An administrator of one tenant could choose it and come in as somebody else in another.
 */
export function vouchesForEmail(
  db: Pick<Db, 'select'>,
  { email, createdBy }: Pick<Invitation, 'email' | 'createdBy'>,
  defaultTenant: Tenant,
): boolean {
  return email !== null && administratorsOf(db, defaultTenant.id, createdBy).get() !== undefined
}

/** @throws Fault as `Accounts.addInvited` */
export async function addInvited(
  db: Db,
  now: number,
  { invitation, password, rules }: InvitedAccount,
): Promise<User> {
  const { id, tenantId, role, email } = invitation
  const [tenant] = await db
    .select({ id: tenants.id, slug: tenants.slug })
    .from(tenants)
    .where(eq(tenants.id, tenantId))
  if (tenant === undefined || email === null) throw over()
  return addLocal(db, now, tenant, {
    email,
    password,
    role,
    onAdd: (user, tx) => {
      if (!vouchesForEmail(tx, invitation, rules.defaultTenant)) {
        throw new Fault(
          'forbidden',
          'an administrator of the server has to create an account with that e-mail',
        )
      }
      if (!rules.admits(user)) {
        throw new Fault('forbidden', 'the rule of this server does not let that e-mail in')
      }
      if (takeInvitation(tx, now, { id, person: user }) === undefined) throw over()
      rules.onMember({ tenantId, role, user, by: 'invitation', invitation: id }, tx)
    },
  })
}

function over(): Fault {
  return new Fault('not_found', 'that invitation was used or revoked, or has expired')
}
