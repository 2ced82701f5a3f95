/** What the API and the pages do with invitations to a tenant, with its entry in the audit log. */
import type { InvitationResponse, MemberRole } from '../../contract/api/members.ts'
import { instant } from '../../contract/instant-as-text.ts'
import type { Invitation } from '../accounts/membership/invitations.ts'
import { by } from './audit-entry-from-request.ts'
import type { Services } from './handler-services.ts'
import type { Call } from './request-context.ts'

type Parts = Pick<Services, 'invitations' | 'audit' | 'settings'>

interface Asked {
  role: MemberRole
  email?: string | undefined
  /** Seconds. */
  expiresIn: number
}

/**
 * The only place where the link is known: the secret is its fragment, which no browser sends and no log has.
 * @throws Fault `usage` for an implausible e-mail
 */
export function createInvitation(
  { role, email, expiresIn }: Asked,
  call: Call,
  { invitations, audit, settings }: Parts,
): { url: string; invitation: Invitation } {
  const { tenant, id: createdBy } = call.principal
  const lifeMs = expiresIn * 1000
  const { value, invitation } = invitations.create({ tenantId: tenant.id, role, email, createdBy, lifeMs })
  const details = { role, email: invitation.email }
  audit.record({ ...by(call), action: 'invitation.create', target: invitation.id, details })
  return { url: `${settings.url}/invitation#${value.reveal()}`, invitation }
}

/** @returns whether there was one */
export function revokeInvitation(id: string, call: Call, { invitations, audit }: Parts): boolean {
  if (!invitations.revoke(call.principal.tenant.id, id)) return false
  audit.record({ ...by(call), action: 'invitation.revoke', target: id })
  return true
}

export function toInvitationResponse(invitation: Invitation): InvitationResponse {
  const { id, role, email, createdBy, createdAt, expiresAt } = invitation
  return { id, role, email, createdBy, createdAt: instant(createdAt), expiresAt: instant(expiresAt) }
}
