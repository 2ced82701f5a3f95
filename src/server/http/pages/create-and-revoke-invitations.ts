/** The forms on the page of members that create and revoke invitations. */
import * as v from 'valibot'
import { renderCreatedInvitation } from '../../web/member-and-tenant-templates.ts'
import { createInvitation, revokeInvitation } from '../create-list-revoke-invitations.ts'
import { requireAdministrator } from '../guards/require-permission.ts'
import type { Services } from '../handler-services.ts'
import type { Call, Handler } from '../request-context.ts'
import { parseForm } from '../request/form-body.ts'
import { pageResponse } from '../response/page-response.ts'
import { attempt } from './attempt-form.ts'
import { showMembers } from './member-and-tenant-pages.ts'
import { sessionOf, settingsView } from './page-frame-view.ts'

const DAY_SECONDS = 86_400

const forms = v.variant('do', [
  v.object({
    do: v.literal('create'),
    email: v.optional(v.pipe(v.string(), v.trim(), v.maxLength(254)), ''),
    role: v.picklist(['admin', 'member', 'viewer']),
    days: v.picklist(['1', '7', '30']),
  }),
  v.object({ do: v.literal('revoke'), id: v.pipe(v.string(), v.maxLength(64)) }),
])
type CreateForm = Extract<v.InferOutput<typeof forms>, { do: 'create' }>

/** `POST /settings/invitations[?tenant=]`: the page that follows a creation is the only one with the link. */
export const invitationsSubmit: Handler = async (call, services) => {
  requireAdministrator(call.principal)
  const asked = parseForm(sessionOf(call).form, forms)
  if (!asked) return showMembers(call, services, { problem: 'That form could not be read.' })
  if (asked.do === 'create') return create(asked, call, services)
  const revoked = revokeInvitation(asked.id, call, services)
  const notice = revoked ? 'The invitation was revoked.' : 'That invitation was over already.'
  return showMembers(call, services, { notice })
}

async function create({ email, role, days }: CreateForm, call: Call, services: Services): Promise<Response> {
  const made: ReturnType<typeof createInvitation>[] = []
  const result = await attempt(async () => {
    const expiresIn = Number(days) * DAY_SECONDS
    made.push(createInvitation({ role, email: email || undefined, expiresIn }, call, services))
    return ''
  })
  const [created] = made
  if (created === undefined) return showMembers(call, services, result)
  const { url, invitation } = created
  const about = { url, email: invitation.email, expiresAt: invitation.expiresAt }
  const page = await renderCreatedInvitation({ ...(await settingsView(call, services)), ...about })
  return pageResponse(page, 201)
}
