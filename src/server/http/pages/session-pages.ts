import * as v from 'valibot'
import type { Issuer } from '../../issuer/issuer.ts'
import { isAdministrator } from '../../rbac/principal.ts'
import type { SettingsView } from '../../web/settings-layout.ts'
import { renderSessions, renderSignOut } from '../../web/session-templates.ts'
import { renderMessage } from '../../web/login-and-message-templates.ts'
import { HttpError } from '../response.ts'
import { by } from '../api/audit-log.ts'
import type { Call, Handler } from '../call.ts'
import { redirect } from '../redirect.ts'
import type { Services } from '../services.ts'
import { readFields } from '../guards/session-guard.ts'

/** Logging in to our own pages, out of them, and the list of where somebody is logged in. */

/** `GET /auth/login[?next=]`: by the OAuth protocol, like every program. */
export const signIn: Handler = ({ url }, services) =>
  redirect(requireIssuer(services).pages.authorizeUrl(url.searchParams.get('next') ?? ''))

/** `GET /auth/return`: where that login comes back to. */
export const signedIn: Handler = async (call, services) => {
  const issuer = requireIssuer(services)
  const { searchParams } = call.url
  if (searchParams.has('error')) {
    const page = await renderMessage({
      title: 'You are not logged in',
      text: 'The login was not finished.',
      link: { text: 'Log in', href: '/auth/login' },
    })
    return new Response(page.html, { status: 403, headers: page.headers })
  }
  return redirect(issuer.pages.next(searchParams.get('state')))
}

/** `GET /auth/logout` */
export const signOutPage: Handler = async (call, services) => {
  const page = await renderSignOut(settingsView(call, services))
  return new Response(page.html, { headers: page.headers })
}

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
  const headers = new Headers(page.headers)
  for (const cookie of cookies) headers.append('set-cookie', cookie)
  return new Response(page.html, { headers })
}

/** `GET /settings`, with and without a `/`: the first of its pages, in the tenant that was named. */
export const settingsStart: Handler = ({ url }) => redirect(`/settings/sessions${url.search}`)

/** `GET /settings/sessions` */
export const sessionsPage: Handler = (call, services) => show(call, services)

const forms = v.union([
  v.object({ csrf: v.string(), session: v.string() }),
  v.object({ csrf: v.string(), others: v.literal('all') }),
  v.object({ csrf: v.string(), program: v.string() }),
])

/** `POST /settings/sessions`: ends what one of its buttons names. */
export const endSessions: Handler = async (call, services) => {
  const { sessions } = requireIssuer(services)
  const { user, uid, form } = sessionOf(call)
  const asked = readFields(form, forms)
  if (!asked) return show(call, services, 'That form could not be read. Nothing was changed.', 400)
  const ended = (target: string) => services.audit.record({ ...by(call), action: 'session.end', target })
  if ('others' in asked) {
    const count = await sessions.endOthers(user, uid)
    ended('others')
    return show(call, services, `${count} other browser${count === 1 ? ' was' : 's were'} signed out.`)
  }
  const done =
    'session' in asked
      ? await sessions.end(user, asked.session)
      : await sessions.endProgram(user, asked.program)
  if (!done) return show(call, services, 'That one was signed out already.')
  ended('session' in asked ? asked.session : asked.program)
  return show(call, services, 'Signed out.')
}

async function show(call: Call, services: Services, notice?: string, status = 200): Promise<Response> {
  const issuer = requireIssuer(services)
  const { user, uid } = sessionOf(call)
  const browsers = await issuer.sessions.list(user)
  const programs = await issuer.sessions.programs(user)
  const page = await renderSessions({
    ...settingsView(call, services),
    browsers,
    thisBrowser: uid,
    programs: await Promise.all(
      programs.map(async ({ grantId, clientId, since }) => ({
        grantId,
        since,
        name: await issuer.clientName(clientId),
      })),
    ),
    notice,
  })
  return new Response(page.html, { status, headers: page.headers })
}

/** What every page of the settings shows around its own part. */
export function settingsView(call: Call, services: Services): Omit<SettingsView, 'title' | 'current'> {
  const { principal } = call
  return {
    account: principal.email ?? principal.nickName ?? principal.name ?? principal.id,
    administrator: isAdministrator(principal),
    csrf: sessionOf(call).csrf,
    host: hostOf(services),
  }
}

/** The session of a page whose guard is `session`. */
export function sessionOf({ session }: Call): NonNullable<Call['session']> {
  if (!session) throw new Error('a page of the settings without the session guard')
  return session
}

function hostOf({ settings }: Services): string {
  return new URL(settings.url).host
}

function requireIssuer({ issuer }: Services): Issuer {
  if (issuer === undefined) throw new HttpError(404, 'not_found', 'this server has no logins')
  return issuer
}
