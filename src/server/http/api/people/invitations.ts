/** Invitations to a tenant in the API. As with tokens, what creates or revokes them is for people. */
import { createInvitationBody } from '../../../../contract/api/members.ts'
import {
  createInvitation,
  revokeInvitation,
  toInvitationResponse,
} from '../../create-list-revoke-invitations.ts'
import { requirePerson } from '../../guards/require-permission.ts'
import type { Handler } from '../../request-context.ts'
import { readBody } from '../../request/request-body.ts'
import { notFound } from '../../response/http-error.ts'
import { json, noContent } from '../../response/json-response.ts'

/** `GET /api/invitations`: those that can still be accepted, without their secrets. */
export const listInvitations: Handler = (call, { invitations }) =>
  json({ items: invitations.list(call.principal.tenant.id).map(toInvitationResponse), next: null })

/** `POST /api/invitations`: the only response with the link. */
export const postInvitation: Handler = async (call, services) => {
  requirePerson(call.principal)
  const asked = await readBody(call, createInvitationBody)
  const { url, invitation } = createInvitation(asked, call, services)
  return json({ url, ...toInvitationResponse(invitation) }, { status: 201 })
}

/** `DELETE /api/invitations/:id` */
export const deleteInvitation: Handler = (call, services) => {
  requirePerson(call.principal)
  if (!revokeInvitation(call.params.id ?? '', call, services)) throw notFound('invitation')
  return noContent()
}
