/** Login to our own pages, logout, and the list of browsers and programs that are logged in. */
import * as v from 'valibot'
import { renderSessions, renderSignOut } from '../../web/session-and-logout-templates.ts'
import { renderMessage } from '../../web/login-consent-and-message-templates.ts'
import { by } from '../audit-entry-from-request.ts'
import type { Call, Handler } from '../request-context.ts'
import { parseForm } from '../request/form-body.ts'
import { redirect } from '../response/see-other-redirect.ts'
import { hostOf, requireIssuer, type Services } from '../handler-services.ts'
import { pageResponse } from '../response/page-response.ts'
import { sessionOf, settingsView } from './page-frame-view.ts'

/** `GET /auth/login[?next=]`: a login by the OAuth protocol, like that of every program. */
export const signIn: Handler = ({ url }, services) =>
  redirect(requireIssuer(services).pages.authorizeUrl(url.searchParams.get('next') ?? ''))

/** `GET /auth/return`: the end of that login. */
export const signedIn: Handler = async (call, services) => {
  const issuer = requireIssuer(services)
  const { searchParams } = call.url
  if (searchParams.has('error')) {
    const page = await renderMessage({
      title: 'You are not logged in',
      text: 'The login was not finished.',
      link: { text: 'Log in', href: '/auth/login' },
    })
    return pageResponse(page, 403)
  }
  return redirect(issuer.pages.next(searchParams.get('state')))
}

/** `GET /auth/logout` */
export const signOutPage: Handler = async (call, services) =>
  pageResponse(await renderSignOut(await settingsView(call, services)))

/** `POST /auth/logout` */
export const signOut: Handler = async (call, services) => {
  const cookies = await requireIssuer(services).sessions.logOut(call.request.headers.get('cookie'))
  services.audit.record({ ...by(call), action: 'logout' })
  const page = await renderMessage({
    title: 'You are signed out',
    text: 'This browser no longer knows you. Programs that you authorized are still logged in.',
    link: { text: 'Log in', href: '/auth/login' },
    host: hostOf(services),
  })
  const response = pageResponse(page)
  for (const cookie of cookies) response.headers.append('set-cookie', cookie)
  return response
}

/** `GET /settings`, with and without a `/`: the first of its pages, in the tenant that was named. */
export const settingsStart: Handler = ({ url }) => redirect(`/settings/sessions${url.search}`)

/** `GET /settings/sessions` */
export const sessionsPage: Handler = (call, services) => show(call, services)

/** The forms of the page, each with the button that was pressed. */
const forms = v.union([
  v.pipe(
    v.object({ session: v.string() }),
    v.transform(({ session }) => ({ kind: 'browser' as const, id: session })),
  ),
  v.pipe(
    v.object({ others: v.literal('all') }),
    v.transform(() => ({ kind: 'other_browsers' as const })),
  ),
  v.pipe(
    v.object({ program: v.string() }),
    v.transform(({ program }) => ({ kind: 'program' as const, id: program })),
  ),
])

/** `POST /settings/sessions`: signs out what one of its buttons names. */
export const endSessions: Handler = async (call, services) => {
  const { sessions } = requireIssuer(services)
  const { user, uid, form } = sessionOf(call)
  const asked = parseForm(form, forms)
  if (!asked) return show(call, services, 'That form could not be read. Nothing was changed.', 400)
  const ended = (target: string) => services.audit.record({ ...by(call), action: 'session.end', target })
  if (asked.kind === 'other_browsers') {
    const count = await sessions.endOthers(user, uid)
    ended('others')
    return show(call, services, `${count} other browser${count === 1 ? ' was' : 's were'} signed out.`)
  }
  const done =
    asked.kind === 'browser' ? await sessions.end(user, asked.id) : await sessions.endProgram(user, asked.id)
  if (!done) return show(call, services, 'That one was signed out already.')
  ended(asked.id)
  return show(call, services, 'Signed out.')
}

async function show(call: Call, services: Services, notice?: string, status = 200): Promise<Response> {
  const issuer = requireIssuer(services)
  const { user, uid } = sessionOf(call)
  const browsers = await issuer.sessions.list(user)
  const programs = await issuer.sessions.programs(user)
  const page = await renderSessions({
    ...(await settingsView(call, services)),
    browsers,
    thisBrowser: uid,
    programs: await Promise.all(
      programs.map(async ({ clientId, ...program }) =>
        Object.assign(program, { name: await issuer.clientName(clientId) }),
      ),
    ),
    notice,
  })
  return pageResponse(page, status)
}
