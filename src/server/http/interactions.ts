import * as v from 'valibot'
import { Secret } from '../../redact/secret.ts'
import type { InteractionView } from '../issuer/interaction.ts'
import type { Issuer } from '../issuer/issuer.ts'
import type { Page } from '../web/layout.ts'
import { type LoginView, renderConsent, renderLogin, renderMessage } from '../web/web.ts'
import type { Call, Handler } from './call.ts'
import { readForm } from './interactions-form.ts'
import type { Services } from './services.ts'

/**
 * The two pages of a login in a browser. Both are bound to the browser's interaction cookie, whose path is
 * the page's own; forms are taken from our own pages alone.
 */

const loginForm = v.object({
  email: v.pipe(v.string(), v.maxLength(254)),
  password: v.pipe(v.string(), v.maxLength(1024)),
})
const consentForm = v.object({ decision: v.picklist(['authorize', 'deny']) })

/** `GET /auth/login/:uid` */
export const loginPage: Handler = async (call, services) => {
  const found = await find('login', call, services)
  if ('refusal' in found) return found.refusal
  return respond(200, await renderLogin(loginView(found.view, call, services)))
}

/** `POST /auth/login/:uid` */
export const loginSubmit: Handler = async (call, services) => {
  if (!isOurForm(call, services)) return foreignForm(services)
  const found = await find('login', call, services)
  if ('refusal' in found) return found.refusal
  const form = await readForm(call.request, loginForm)
  if (!form) return badForm(services)
  const again = async (status: number, error: string, headers: Record<string, string> = {}) =>
    respond(
      status,
      await renderLogin({ ...loginView(found.view, call, services), email: form.email.trim(), error }),
      headers,
    )

  const { email, password } = form
  const check = await services.accounts.verifyPassword({
    email,
    password: new Secret(password),
    address: call.address,
  })
  const about = { requestId: call.requestId, address: call.address }
  if (check.kind === 'wait') {
    services.log.warn('login slowed down', { ...about, seconds: check.seconds })
    const wait = `Too many attempts. Try again in ${plural(check.seconds, 'second')}.`
    return again(429, wait, { 'retry-after': String(check.seconds) })
  }
  if (check.kind === 'refused') {
    services.log.warn('login refused', about)
    return again(401, 'That e-mail and password do not match an account here.', {
      'www-authenticate': 'Form realm="fob"',
    })
  }
  services.log.info('login', { ...about, user: check.user.id })
  return conclude(call, services, found.issuer, { kind: 'login', user: check.user })
}

/** `GET /auth/consent/:uid` */
export const consentPage: Handler = async (call, services) => {
  const found = await find('consent', call, services)
  if ('refusal' in found) return found.refusal
  const { view } = found
  const account = view.account?.email ?? view.account?.name ?? 'your account'
  const { clientName, redirectOrigin, scopes } = view
  const host = hostOf(services)
  const action = call.url.pathname
  return respond(200, await renderConsent({ action, clientName, host, redirectOrigin, account, scopes }))
}

/** `POST /auth/consent/:uid` */
export const consentSubmit: Handler = async (call, services) => {
  if (!isOurForm(call, services)) return foreignForm(services)
  const found = await find('consent', call, services)
  if ('refusal' in found) return found.refusal
  const form = await readForm(call.request, consentForm)
  if (!form) return badForm(services)
  const { log } = services
  const about = { requestId: call.requestId, client: found.view.clientId, user: found.view.account?.id }
  log.info(form.decision === 'deny' ? 'consent denied' : 'consent given', about)
  return conclude(call, services, found.issuer, { kind: form.decision === 'deny' ? 'deny' : 'consent' })
}

type Found = { view: InteractionView; issuer: Issuer } | { refusal: Response }

async function find(prompt: InteractionView['prompt'], call: Call, services: Services): Promise<Found> {
  const { issuer } = services
  const view = await issuer?.interaction(call.params.uid ?? '', call.request.headers.get('cookie'))
  if (!issuer || view?.prompt !== prompt) return { refusal: await expired(services) }
  return { view, issuer }
}

async function conclude(
  call: Call,
  services: Services,
  issuer: Issuer,
  outcome: Parameters<Issuer['finish']>[2],
): Promise<Response> {
  const done = await issuer.finish(call.params.uid ?? '', call.request.headers.get('cookie'), outcome)
  if (!done) return expired(services)
  const headers = new Headers({ location: done.location, 'cache-control': 'no-store' })
  for (const cookie of done.setCookies) headers.append('set-cookie', cookie)
  // 303: the browser comes back with GET, and without the password.
  return new Response(null, { status: 303, headers })
}

/**
 * Browsers say where a form comes from: `Origin`, or in its absence `Sec-Fetch-Site`. What says neither is
 * refused, so a program that fills in the forms has to send `Origin`.
 */
function isOurForm(call: Call, { settings }: Services): boolean {
  const { headers } = call.request
  const origin = headers.get('origin')
  return origin === null ? headers.get('sec-fetch-site') === 'same-origin' : origin === settings.url
}

function loginView(view: InteractionView, call: Call, services: Services): LoginView {
  const { clientName, redirectOrigin } = view
  return { action: call.url.pathname, clientName, redirectOrigin, host: hostOf(services) }
}

function hostOf({ settings }: Services): string {
  return new URL(settings.url).host
}

function respond(status: number, page: Page, headers: Record<string, string> = {}): Response {
  return new Response(page.html, { status, headers: { ...page.headers, ...headers } })
}

async function expired(services: Services): Promise<Response> {
  const page = await renderMessage({
    title: 'This login has expired',
    text: 'It took too long, was finished already, or belongs to another browser. Start again in your terminal:',
    command: 'fob auth login',
    host: hostOf(services),
  })
  return respond(410, page)
}

async function foreignForm(services: Services): Promise<Response> {
  const page = await renderMessage({
    title: 'That did not come from this server',
    text: 'A form was sent here from another website, and was not accepted. Nothing was changed.',
    host: hostOf(services),
  })
  return respond(403, page)
}

async function badForm(services: Services): Promise<Response> {
  const page = await renderMessage({
    title: 'That form could not be read',
    text: 'Go back, reload the page and try again.',
    host: hostOf(services),
  })
  return respond(400, page)
}

function plural(n: number, word: string): string {
  return `${n} ${word}${n === 1 ? '' : 's'}`
}
