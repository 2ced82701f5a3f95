/** The way to an identity provider and back. It shows a page only when something went wrong. */
import type { IdentityProviderName } from '../../accounts/user-types.ts'
import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import type { Issuer } from '../../issuer/issuer.ts'
import type {
  IdentityProviderOutcome,
  IdentityProviderRefusal,
} from '../../issuer/identity-providers/identity-provider-login.ts'
import type { Purpose } from '../../issuer/identity-providers/pending-login-cookie.ts'
import { by } from '../audit-entry-from-request.ts'
import { INVITATION_PAGE } from '../pages/invitation-page-paths.ts'
import { STRANGER_TEXTS } from './stranger-texts.ts'
import { renderMessage } from '../../web/login-consent-and-message-templates.ts'
import { HttpError } from '../response/http-error.ts'
import type { Call, Handler } from '../request-context.ts'
import { finishCliLogin } from './finish-github-cli-login.ts'
import { redirect } from '../response/see-other-redirect.ts'
import { requireIssuer, type Services } from '../handler-services.ts'
import { pageResponse } from '../response/page-response.ts'

const uid = v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/))

/** `GET /auth/<provider>?interaction=` from a login page, or `?next=` for our own pages. */
export function startIdentityProviderLogin(provider: IdentityProviderName): Handler {
  return async (call, services) => {
    const interaction = v.safeParse(uid, call.url.searchParams.get('interaction'))
    const purpose: Purpose = interaction.success
      ? { kind: 'interaction', uid: interaction.output }
      : { kind: 'page', next: call.url.searchParams.get('next') ?? '' }
    return sendToIdentityProvider(provider, purpose, call, services)
  }
}

/** Sends the browser to the identity provider. @throws HttpError 404 where it is not set up */
export async function sendToIdentityProvider(
  provider: IdentityProviderName,
  purpose: Purpose,
  call: Call,
  { issuer, log }: Services,
): Promise<Response> {
  const known = issuer?.identityProviders.providers.some(({ name }) => name === provider) === true
  if (!issuer || !known) throw new HttpError(404, 'not_found', `this server does not log in with ${provider}`)
  try {
    const started = await issuer.identityProviders.start(
      provider,
      purpose,
      call.request.headers.get('cookie'),
    )
    return redirect(started.location, started.setCookies)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    log.warn('login with an identity provider could not start', {
      requestId: call.requestId,
      reason: error.message,
    })
    return failed(purpose, error.code === 'unreachable' ? 'unreachable' : 'refused', [])
  }
}

/** `GET /auth/<provider>/callback`; also `GET /api/auth/github/callback`. */
export function finishIdentityProviderLogin(provider: IdentityProviderName): Handler {
  return async (call, services) => {
    const issuer = requireIssuer(services)
    const cookies = call.request.headers.get('cookie')
    const outcome = await issuer.identityProviders.complete(provider, call.url.searchParams, cookies)
    if (outcome.kind === 'failed') {
      if (outcome.account !== undefined) recordStranger(outcome.account, outcome.why, call, services)
      return failed(outcome.purpose, outcome.why, outcome.setCookies)
    }
    return continueLogin(outcome, call, services, issuer)
  }
}

/** So that an administrator finds whom to add, or that somebody tries. */
function recordStranger(
  account: string,
  reason: IdentityProviderRefusal,
  call: Call,
  { log, audit }: Services,
): void {
  const { requestId, address } = call
  log.warn('login refused', { requestId, address, account, reason })
  const details = { provider: account.slice(0, account.indexOf(':')), reason }
  audit.record({ ...by(call), action: 'login', target: account, outcome: 'refused', details })
}

/** Continues where the login was started: in a program, on the login page, or on our own pages. */
async function continueLogin(
  { user, purpose, setCookies }: Extract<IdentityProviderOutcome, { kind: 'ok' }>,
  call: Call,
  services: Services,
  issuer: Issuer,
): Promise<Response> {
  const { arrivals } = issuer.identityProviders
  if (purpose.kind === 'cli') return finishCliLogin({ user, purpose, setCookies }, call, services, issuer)
  // The login page reads the cookie of this arrival, and finishes the login that the browser started there.
  const uid = purpose.kind === 'interaction' ? purpose.uid : null
  const next =
    purpose.kind === 'interaction'
      ? `/auth/login/${purpose.uid}`
      : issuer.pages.authorizeUrl(nextOf(purpose), true)
  return redirect(next, [...setCookies, arrivals.leave(user.id, uid)])
}

/** Where a browser goes that has logged in to our own pages. */
function nextOf(purpose: Extract<Purpose, { kind: 'page' | 'invitation' }>): string {
  return purpose.kind === 'page' ? purpose.next : INVITATION_PAGE
}

const TEXTS: Readonly<Record<IdentityProviderRefusal, { status: number; title: string; text: string }>> = {
  denied: { status: 403, title: 'That login was cancelled', text: 'Nothing was authorized.' },
  expired: {
    status: 410,
    title: 'This login has expired',
    text: 'It took too long, was finished already, or was started in another browser.',
  },
  unreachable: {
    status: 502,
    title: 'The identity provider could not be reached',
    text: 'It did not respond, or not in time. Nothing was authorized.',
  },
  refused: {
    status: 400,
    title: 'This login was not accepted',
    text: 'The response of the identity provider is not one that this server can trust. Its log says more.',
  },
  not_admitted: { status: 403, title: 'You are not let in', text: STRANGER_TEXTS.not_admitted },
  not_a_member: { status: 403, title: 'You are not a member yet', text: STRANGER_TEXTS.not_a_member },
}

/** Of these the program is told that the person, or this server, said no. */
const DENIALS: ReadonlySet<IdentityProviderRefusal> = new Set(['denied', 'not_admitted', 'not_a_member'])

/** The login page with the reason where there is one, the redirect of a program, or else a page of its own. */
async function failed(
  purpose: Purpose | undefined,
  why: IdentityProviderRefusal,
  setCookies: readonly string[],
): Promise<Response> {
  if (purpose?.kind === 'interaction') {
    return redirect(`/auth/login/${purpose.uid}?problem=${why}`, setCookies)
  }
  if (purpose?.kind === 'invitation') return redirect(`${INVITATION_PAGE}?problem=${why}`, setCookies)
  if (purpose?.kind === 'cli') {
    const back = new URL(purpose.redirectUri)
    back.searchParams.set('error', DENIALS.has(why) ? 'access_denied' : 'server_error')
    if (purpose.state !== null) back.searchParams.set('state', purpose.state)
    return redirect(back.href, setCookies)
  }
  const { status, title, text } = TEXTS[why]
  const next = purpose === undefined ? '' : `?next=${encodeURIComponent(purpose.next)}`
  const page = await renderMessage({ title, text, link: { text: 'Try again', href: `/auth/login${next}` } })
  const response = pageResponse(page, status)
  for (const cookie of setCookies) response.headers.append('set-cookie', cookie)
  return response
}
