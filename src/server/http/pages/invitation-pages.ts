/**
 * The pages of somebody who has opened an invitation. The secret comes in the body of a form, never in an address;
 * from then on a sealed cookie of this browser names the invitation.
 */
import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import { Secret } from '../../../redact/secret.ts'
import { type Invitation, isFor } from '../../accounts/membership/invitations.ts'
import type { User } from '../../accounts/user-types.ts'
import type { OpenedInvitation } from '../../issuer/sessions/opened-invitation-cookie.ts'
import {
  type InvitationView,
  renderInvitation,
  renderJoined,
  renderOpenInvitation,
} from '../../web/people/invitation-templates.ts'
import { renderMessage } from '../../web/login-consent-and-message-templates.ts'
import { by } from '../audit-entry-from-request.ts'
import { hostOf, requireIssuer, type Services } from '../handler-services.ts'
import { labelOf } from '../list-set-remove-members.ts'
import { sendToIdentityProvider } from '../login/identity-provider-routes.ts'
import { STRANGER_TEXTS } from '../login/stranger-texts.ts'
import type { Call, Handler } from '../request-context.ts'
import { readForm } from '../request/form-body.ts'
import { pageResponse, sentence } from '../response/page-response.ts'
import { redirect } from '../response/see-other-redirect.ts'
import { INVITATION_PAGE } from './invitation-page-paths.ts'
import { sessionOf } from './page-frame-view.ts'

/** `GET /invitation` */
export const invitationPage: Handler = async (call, services) => {
  const issuer = requireIssuer(services)
  const opened = issuer.openedInvitations.read(call.headers.get('cookie'))
  if (opened === undefined || call.url.searchParams.has('other')) {
    return pageResponse(await renderOpenInvitation({ host: hostOf(services) }))
  }
  const problem = PROBLEMS[call.url.searchParams.get('problem') ?? '']
  return showOpened(opened, call, services, { status: problem === undefined ? 200 : 403, problem })
}

/** The reasons with which the callback of an identity provider can send a browser back here. */
const PROBLEMS: Readonly<Record<string, string>> = {
  denied: 'That login was cancelled. Nothing was accepted.',
  expired: 'That login took too long. Try again.',
  unreachable: 'The identity provider could not be reached. Try again in a moment.',
  refused: 'The response of the identity provider was not accepted. Try again.',
  not_admitted: STRANGER_TEXTS.not_admitted,
  not_a_member: 'The invitation is not for that account, by its verified e-mail. Choose another one.',
}

const openForm = v.object({ secret: v.pipe(v.string(), v.trim(), v.maxLength(500)) })

/** `POST /invitation`: the secret, or the whole link. */
export const openInvitationSubmit: Handler = async (call, services) => {
  const issuer = requireIssuer(services)
  const form = await readForm(call, openForm)
  const secret = form?.secret.split('#').at(-1) ?? ''
  const invitation = services.invitations.find(secret)
  const tenant = invitation && (await services.tenants.list()).find(({ id }) => id === invitation.tenantId)
  if (invitation === undefined || tenant === undefined) {
    services.log.warn('invitation refused', { requestId: call.requestId, address: call.address })
    return pageResponse(await renderOpenInvitation({ host: hostOf(services), problem: GONE }), 404)
  }
  const { slug, name } = tenant
  const cookie = issuer.openedInvitations.leave({ id: invitation.id, tenant: { slug, name } })
  return redirect(INVITATION_PAGE, [cookie])
}

const GONE = 'There is no such invitation: it was used or revoked, has expired, or the link is not whole.'

/** `GET /invitation/login[?provider=]`: a login, also where somebody is logged in; a new person accepts by it. */
export const invitationLogin: Handler = async (call, services) => {
  const issuer = requireIssuer(services)
  const opened = issuer.openedInvitations.read(call.headers.get('cookie'))
  const site = call.headers.get('sec-fetch-site')
  // Accepting is for a person to decide, not for a website that sends the browser here.
  if (opened === undefined || (site !== null && site !== 'same-origin')) return redirect(INVITATION_PAGE)
  const asked = call.url.searchParams.get('provider')
  const provider = issuer.identityProviders.providers.find(({ name }) => name === asked)
  if (provider === undefined) return redirect(issuer.pages.authorizeUrl(INVITATION_PAGE, true))
  return sendToIdentityProvider(provider.name, { kind: 'invitation', id: opened.id }, call, services)
}

/** `POST /invitation/accept`: by somebody who is logged in. */
export const acceptInvitation: Handler = async (call, services) => {
  const { user } = sessionOf(call)
  const opened = requireIssuer(services).openedInvitations.read(call.headers.get('cookie'))
  if (opened === undefined) return redirect(INVITATION_PAGE)
  const { id, email } = user
  const accepted = services.invitations.accept(opened.id, { userId: id, email }, ({ tenantId, role }, tx) => {
    const entry = { ...by(call), tenantId, details: { role, by: 'invitation' } }
    services.audit.record({ ...entry, action: 'invitation.accept', target: opened.id }, tx)
    services.audit.record({ ...entry, action: 'member.set', target: call.principal.id }, tx)
  })
  if (accepted.kind !== 'gone') return redirect(INVITATION_PAGE)
  return showOpened(opened, call, services, { status: 403 })
}

const password = v.pipe(v.string(), v.nonEmpty(), v.maxLength(1024))
const accountForm = v.object({ password, again: password })

/** `POST /invitation/account`: by somebody who has no account yet, where the invitation names the e-mail of it. */
export const createInvitedAccount: Handler = async (call, services) => {
  const issuer = requireIssuer(services)
  const opened = issuer.openedInvitations.read(call.headers.get('cookie'))
  if (opened === undefined) return redirect(INVITATION_PAGE)
  const form = await readForm(call, accountForm)
  const again = (problem: string) => showOpened(opened, call, services, { status: 400, problem })
  if (!form) return again('That form could not be read.')
  if (form.password !== form.again) return again('The two passwords differ.')
  const invitation = services.invitations.byId(opened.id)
  if (invitation === undefined || (await newAccount(invitation, services)) !== 'here') return again(GONE)
  try {
    const user = await services.accounts.addInvited(invitation, new Secret(form.password))
    const entry = { ...by(call), tenantId: user.tenant.id, actor: `local:${user.subject}` }
    const target = `local:${user.subject}`
    services.audit.record({ ...entry, action: 'user.add', target, details: { role: user.role } })
    const arrival = issuer.identityProviders.arrivals.leave(user.id, null)
    return redirect(issuer.pages.authorizeUrl(INVITATION_PAGE, true), [arrival])
  } catch (error) {
    if (error instanceof Fault) return again(sentence(error.message))
    throw error
  }
}

/** An account that chose its own e-mail could be anybody's: rules read it. So it is the one that the invitation names. */
async function newAccount(
  invitation: Invitation,
  { settings, accounts }: Pick<Services, 'settings' | 'accounts'>,
): Promise<InvitationView['newAccount']> {
  const { email } = invitation
  if (!settings.passwords || email === null || (await accounts.byEmail(email)) !== undefined) return 'none'
  return accounts.vouchesForEmail(invitation) ? 'here' : 'by server administrator'
}

async function showOpened(
  opened: OpenedInvitation,
  call: Call,
  services: Services,
  { status, problem }: { status: number; problem?: string | undefined },
): Promise<Response> {
  const issuer = requireIssuer(services)
  const session = await issuer.sessionOf(call.headers.get('cookie'))
  const host = hostOf(services)
  if (session && (await services.tenants.membership(session.user.id, opened.tenant.slug))) {
    return pageResponse(await renderJoined({ host, url: services.settings.url, tenant: opened.tenant }))
  }
  const invitation = services.invitations.byId(opened.id)
  if (invitation === undefined) return gone(services, issuer.openedInvitations.clear)
  const view = await viewOf({ invitation, opened, session, problem }, services)
  return pageResponse(await renderInvitation(view), status)
}

async function viewOf(
  about: {
    invitation: Invitation
    opened: OpenedInvitation
    session: { user: User; csrf: string } | undefined
    problem: string | undefined
  },
  services: Services,
): Promise<InvitationView> {
  const { invitation, opened, session, problem } = about
  const { role, email, expiresAt } = invitation
  const account = session && {
    name: labelOf(session.user),
    csrf: session.csrf,
    mayAccept: isFor(invitation, session.user),
  }
  return {
    host: hostOf(services),
    tenantName: opened.tenant.name,
    role,
    email,
    expiresAt,
    account,
    providers: requireIssuer(services).identityProviders.providers,
    passwords: services.settings.passwords,
    newAccount: session === undefined ? await newAccount(invitation, services) : 'none',
    problem,
  }
}

async function gone(services: Services, clear: string): Promise<Response> {
  const page = await renderMessage({
    title: 'This invitation is over',
    text: 'It was used or revoked, or has expired. Ask for another one.',
    link: { text: 'Open another invitation', href: '/invitation?other=yes' },
    host: hostOf(services),
  })
  const response = pageResponse(page, 410)
  response.headers.append('set-cookie', clear)
  return response
}
