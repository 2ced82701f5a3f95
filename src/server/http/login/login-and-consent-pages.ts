/** The two pages of a login in a browser, each bound to the browser's cookie of that login. */
import * as v from 'valibot'
import { Secret } from '../../../redact/secret.ts'
import { normaliseEmail } from '../../accounts/email-and-password-rules.ts'
import { PAGES_CLIENT } from '../../issuer/first-party-clients.ts'
import type { InteractionView } from '../../issuer/sessions/login-and-consent-interactions.ts'
import type { Issuer } from '../../issuer/issuer.ts'
import {
  type LoginView,
  renderConsent,
  renderLogin,
  renderMessage,
} from '../../web/login-consent-and-message-templates.ts'
import { by, byUser, refusedLogin } from '../audit-entry-from-request.ts'
import type { Call, Handler } from '../request-context.ts'
import { readForm } from '../request/form-body.ts'
import { attemptHeaders } from '../guards/rate-limits.ts'
import { pageResponse } from '../response/page-response.ts'
import { STRANGER_REASONS, STRANGER_TEXTS } from './stranger-texts.ts'
import { redirect } from '../response/see-other-redirect.ts'
import { hostOf, type Services } from '../handler-services.ts'

const loginForm = v.object({
  email: v.pipe(v.string(), v.maxLength(254)),
  password: v.pipe(v.string(), v.maxLength(1024)),
})
const consentForm = v.object({ decision: v.picklist(['authorize', 'deny', 'other_account']) })

/** `GET /auth/login/:uid` */
export const loginPage: Handler = async (call, services) => {
  const found = await find('login', call, services)
  if (!found) return expired(services)
  const back = (await arrived(found, call, services)) ?? (await stranger(found, call, services))
  if (back) return back
  const error = PROBLEMS[call.url.searchParams.get('problem') ?? '']
  return pageResponse(await renderLogin({ ...loginView(found, call, services), error }))
}

/** The reasons with which the callback of an identity provider can send a browser back here. */
const PROBLEMS: Readonly<Record<string, string>> = {
  denied: 'That login was cancelled. Nothing was authorized.',
  expired: 'That login took too long. Try again.',
  unreachable: 'The identity provider could not be reached. Try again in a moment.',
  ...STRANGER_TEXTS,
  refused:
    'The response of the identity provider was not accepted. Try again, or ask the administrator of this server.',
}

/**
 * A program is told at once that the account is not let in, so that nobody waits at a terminal for a login that cannot
 * be finished. On our own pages, the person can choose another account.
 */
async function stranger(
  { view, issuer }: { view: InteractionView; issuer: Issuer },
  call: Call,
  services: Services,
): Promise<Response | undefined> {
  const why = v.safeParse(strangers, call.url.searchParams.get('problem'))
  if (!why.success || view.clientId === PAGES_CLIENT) return undefined
  return conclude(call, services, issuer, { kind: 'deny', because: STRANGER_REASONS[why.output] })
}

const strangers = v.picklist(['not_admitted', 'not_a_member'])

/** The end of the login, for a browser that has just come back from an identity provider. */
async function arrived(
  { view, issuer }: { view: InteractionView; issuer: Issuer },
  call: Call,
  services: Services,
): Promise<Response | undefined> {
  const arrival = issuer.identityProviders.arrivals.read(call.request.headers.get('cookie'))
  if (!arrival) return undefined
  // An arrival that does not name a login is for our own pages alone.
  const meant = arrival.uid === null ? view.clientId === PAGES_CLIENT : arrival.uid === view.uid
  const user = meant ? await services.accounts.byId(arrival.userId) : undefined
  if (!user) return undefined
  const { log, audit } = services
  log.info('login', {
    requestId: call.requestId,
    address: call.address,
    user: user.id,
    vendor: user.provider,
  })
  audit.record({ ...byUser(call, user), action: 'login', details: { provider: user.provider } })
  return conclude(call, services, issuer, { kind: 'login', user }, [arrival.clear])
}

/** `POST /auth/login/:uid` */
export const loginSubmit: Handler = async (call, services) => {
  if (!isOurForm(call, services)) return foreignForm(services)
  const found = await find('login', call, services)
  if (!found) return expired(services)
  if (!services.settings.passwords) return badForm(services)
  const form = await readForm(call, loginForm)
  if (!form) return badForm(services)
  const again = async (status: number, error: string, headers: Record<string, string> = {}) =>
    pageResponse(
      await renderLogin({ ...loginView(found, call, services), email: form.email.trim(), error }),
      status,
      headers,
    )

  const { email, password } = form
  const { knownBrowsers } = found.issuer
  const account = normaliseEmail(email)
  const check = await services.accounts.verifyPassword({
    email,
    password: new Secret(password),
    address: call.address,
    browser: knownBrowsers.find(call.headers.get('cookie'), account),
  })
  const about = { requestId: call.requestId, address: call.address }
  if (check.kind === 'wait') {
    services.log.warn('login slowed down', { ...about, seconds: check.seconds })
    const wait = `Too many attempts. Try again in ${plural(check.seconds, 'second')}.`
    return again(429, wait, attemptHeaders(check.seconds))
  }
  if (check.kind === 'refused') {
    services.log.warn('login refused', about)
    services.audit.record(refusedLogin(call, check.account))
    return again(401, 'That e-mail and password do not match an account here.', {
      'www-authenticate': 'Form realm="fob"',
    })
  }
  services.log.info('login', { ...about, user: check.user.id })
  services.audit.record({ ...byUser(call, check.user), action: 'login', details: { provider: 'local' } })
  return conclude(call, services, found.issuer, { kind: 'login', user: check.user }, [
    knownBrowsers.remember(account),
  ])
}

/** `GET /auth/consent/:uid` */
export const consentPage: Handler = async (call, services) => {
  const found = await find('consent', call, services)
  if (!found) return expired(services)
  const { view } = found
  const account = view.account?.email ?? view.account?.name ?? 'your account'
  const { clientName, selfNamed, redirectTarget, scopes } = view
  const about = { clientName, selfNamed, redirectTarget, scopes, account }
  const page = await renderConsent({ ...about, action: call.url.pathname, host: hostOf(services) })
  return pageResponse(page)
}

/** `POST /auth/consent/:uid` */
export const consentSubmit: Handler = async (call, services) => {
  if (!isOurForm(call, services)) return foreignForm(services)
  const found = await find('consent', call, services)
  if (!found) return expired(services)
  const form = await readForm(call, consentForm)
  if (!form) return badForm(services)
  const { log } = services
  const about = { requestId: call.requestId, client: found.view.clientId, user: found.view.account?.id }
  if (form.decision === 'other_account') return useOtherAccount(found, call, services)
  log.info(form.decision === 'deny' ? 'consent denied' : 'consent given', about)
  services.audit.record({
    ...(found.view.account ? byUser(call, found.view.account) : by(call)),
    action: 'consent',
    target: found.view.clientId,
    outcome: form.decision === 'deny' ? 'refused' : 'ok',
  })
  return conclude(call, services, found.issuer, { kind: form.decision === 'deny' ? 'deny' : 'consent' })
}

/** Signs the browser out, as the form of the page of sessions does, and continues with the login page. */
async function useOtherAccount(
  { view, issuer }: { view: InteractionView; issuer: Issuer },
  call: Call,
  services: Services,
): Promise<Response> {
  services.log.info('another account', { requestId: call.requestId, user: view.account?.id })
  services.audit.record({ ...(view.account ? byUser(call, view.account) : by(call)), action: 'logout' })
  return conclude(call, services, issuer, { kind: 'other_account' })
}

/** The login in progress that the path and the cookie name, if it is at this step. */
async function find(
  prompt: InteractionView['prompt'],
  call: Call,
  { issuer }: Pick<Services, 'issuer'>,
): Promise<{ view: InteractionView; issuer: Issuer } | undefined> {
  const view = await issuer?.interaction(call.params.uid ?? '', call.request.headers.get('cookie'))
  return issuer && view?.prompt === prompt ? { view, issuer } : undefined
}

async function conclude(
  call: Call,
  services: Services,
  issuer: Issuer,
  outcome: Parameters<Issuer['finish']>[2],
  cookies: readonly string[] = [],
): Promise<Response> {
  const done = await issuer.finish(call.params.uid ?? '', call.request.headers.get('cookie'), outcome)
  if (!done) return expired(services)
  return redirect(done.location, [...done.setCookies, ...cookies])
}

/**
 * A browser says where a form comes from: by `Origin`, or without it by `Sec-Fetch-Site`. A request with neither is
 * refused, so a program that fills in the forms has to send `Origin`.
 */
function isOurForm(call: Call, { settings }: Services): boolean {
  const { headers } = call.request
  const origin = headers.get('origin')
  return origin === null ? headers.get('sec-fetch-site') === 'same-origin' : origin === settings.url
}

function loginView(
  { view, issuer }: { view: InteractionView; issuer: Issuer },
  call: Call,
  services: Services,
): LoginView {
  const { clientName, redirectTarget } = view
  return {
    action: call.url.pathname,
    clientName,
    redirectTarget,
    host: hostOf(services),
    passwords: services.settings.passwords,
    identityProviders: issuer.identityProviders.providers.map(({ label, path }) => ({
      label,
      path: `${path}?interaction=${view.uid}`,
    })),
  }
}

async function expired(services: Services): Promise<Response> {
  const page = await renderMessage({
    title: 'This login has expired',
    text: 'It took too long, was finished already, or belongs to another browser. Start again in your terminal:',
    command: 'fob auth login',
    host: hostOf(services),
  })
  return pageResponse(page, 410)
}

async function foreignForm(services: Services): Promise<Response> {
  const page = await renderMessage({
    title: 'That did not come from this server',
    text: 'A form was sent here from another website, and was not accepted. Nothing was changed.',
    host: hostOf(services),
  })
  return pageResponse(page, 403)
}

async function badForm(services: Services): Promise<Response> {
  const page = await renderMessage({
    title: 'That form could not be read',
    text: 'Go back, reload the page and try again.',
    host: hostOf(services),
  })
  return pageResponse(page, 400)
}

function plural(n: number, word: string): string {
  return `${n} ${word}${n === 1 ? '' : 's'}`
}
