/**
 * The members of a tenant in the API, those included who have not logged in yet. What changes them is for people: a
 * token that leaked must not let anybody in who stays when it is revoked.
 */
import { putMemberBody } from '../../../../contract/api/members.ts'
import {
  removeMember,
  setMember,
  toMemberResponse,
  toPendingResponse,
} from '../../list-set-remove-members.ts'
import { requirePerson } from '../../guards/require-permission.ts'
import type { Handler } from '../../request-context.ts'
import { readPage } from '../../request/read-page-parameters.ts'
import { readBody } from '../../request/request-body.ts'
import { json } from '../../response/json-response.ts'

/** `GET /api/members`: on the first page, those come first who have not logged in yet. */
export const listMembers: Handler = async (call, services) => {
  const { tenant } = call.principal
  const page = readPage(call.url)
  const { items, next } = await services.tenants.members(tenant.id, page)
  const pending = page.cursor === undefined ? services.members.pending(tenant.id) : []
  return json({
    items: [
      ...pending.map(toPendingResponse),
      ...items.map((member) => toMemberResponse(member, tenant, services)),
    ],
    next,
  })
}

/** `PUT /api/members/:who`: makes somebody a member, or changes their role. */
export const putMember: Handler = async (call, services) => {
  requirePerson(call.principal)
  const { role } = await readBody(call, putMemberBody)
  const { response } = await setMember({ who: call.params.who ?? '', role }, call, services)
  return json(response)
}

/** `DELETE /api/members/:who` */
export const deleteMember: Handler = async (call, services) => {
  requirePerson(call.principal)
  const removed = await removeMember(call.params.who ?? '', call, services)
  return json(removed.response)
}
