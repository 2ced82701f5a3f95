/** The local account of somebody who accepts an invitation by choosing a password. */
import { eq } from 'drizzle-orm'
import { Fault } from '../../../contract/fault.ts'
import type { Secret } from '../../../redact/secret.ts'
import type { Db } from '../../db/open-database.ts'
import { tenants } from '../../db/schema.ts'
import { addLocal } from '../local-accounts.ts'
import type { User } from '../user-types.ts'
import type { AdmissionRules } from './admit-person.ts'
import { type Invitation, takeInvitation } from './invitations.ts'

interface InvitedAccount {
  invitation: Invitation
  password: Secret
  rules: Pick<AdmissionRules, 'admits' | 'onMember'>
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
