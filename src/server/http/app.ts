import { isScope, type Scope } from '../../contract/token-scopes.ts'
import { type Eventually, whenThere } from '../auth/value-or-promise.ts'
import { anonymous } from '../auth/principals.ts'
import { logDefect } from '../log.ts'
import { isAdministrator, type Principal } from '../rbac/principal.ts'
import { openAccessLog } from './access-log.ts'
import { HttpError, toHttpError } from './response.ts'
import { guardBounds } from './request-bounds.ts'
import { Call, type Handler, type Peers } from './call.ts'
import { authenticate, admitByKey, requirePerson } from './guards/authenticate.ts'
import { enter } from './guards/admission.ts'
import { errorPage, wantsPage } from './pages/error-page.ts'
import type { LimitName } from './guards/rate-limits.ts'
import { guardOrigin } from './guards/origin-check.ts'
import { onPage } from './guards/page-guard.ts'
import { openRouter, type Router } from './router.ts'
import { type Guard, type Route, ROUTES } from './routes.ts'
import { secure } from './security-headers.ts'
import type { Services } from './services.ts'
import { inSession } from './guards/session-guard.ts'
import { bySignature } from './guards/webhook-guard.ts'

/** The server's `fetch`: routing, guards, errors, headers and the access log around the table of routes. */
export interface App {
  /** At once where nothing has to be waited for. Never rejects. */
  fetch(request: Request): Eventually<Response>
}

/** One request: when it came, and the `RateLimit-*` headers of its answer, which stand on refusals as well. */
interface Exchange {
  call: Call
  started: number
  limits: Readonly<Record<string, string>> | undefined
}

export function createApp(services: Services, peers: Peers, routes: readonly Route[] = ROUTES): App {
  const router = openRouter(routes)
  const nobody = anonymous(services.defaultTenant)
  const { forwarded } = services
  const from: Peers = {
    addressOf: (request) => forwarded.clientAddress(peers.addressOf(request), request.headers),
    keepOpen: peers.keepOpen,
  }
  const logRequest = openAccessLog(services)

  function finish(response: Response, exchange: Exchange): Response {
    const completed = complete(response, exchange, services)
    logRequest(exchange.call, response.status, exchange.started)
    return completed
  }

  function fail(error: unknown, exchange: Exchange): Eventually<Response> {
    const { call } = exchange
    call.noteAddress()
    const refusal = toHttpError(error) ?? defect(error, call, services)
    return whenThere(refuse(refusal, call, services), (response) => finish(response, exchange))
  }

  return {
    fetch(request) {
      const started = services.clock.now()
      const path = pathOf(request.url)
      const found = router.find(request.method, path)
      const call = new Call({ request, path, params: found?.params ?? {} }, nobody, from)
      const exchange: Exchange = { call, started, limits: undefined }
      try {
        guardBounds(request)
        if (found === undefined) throw noRoute(call, router)
        const response = answer(found.route, exchange, services)
        if (!(response instanceof Promise)) return finish(response, exchange)
        call.noteAddress()
        return response.then(
          (made) => finish(made, exchange),
          (error) => fail(error, exchange),
        )
      } catch (error) {
        return fail(error, exchange)
      }
    },
  }
}

/**
 * The path of a `Request.url`, which is normalised: looking for it takes less than a `URL`. Where the `Host` is
 * none, there is nothing before the path.
 */
export function pathOf(href: string): string {
  const start = href.startsWith('/') ? 0 : href.indexOf('/', href.indexOf('://') + 3)
  const end = href.indexOf('?', start)
  return end === -1 ? href.slice(start) : href.slice(start, end)
}

function answer(route: Route, exchange: Exchange, services: Services): Eventually<Response> {
  const { call } = exchange
  guardOrigin(call, services.settings)
  if (route.limit === undefined) return guarded(route, route.handler, call, services)
  count(exchange, route.limit, { address: call.address }, services)
  return guarded(route, counting(route.limit, route.handler, exchange), call, services)
}

/** The handler, of a route that is limited for accounts too. */
function counting(limit: LimitName, handler: Handler, exchange: Exchange): Handler {
  return (call, services) => {
    const { kind, id } = call.principal
    if (kind !== 'anonymous') count(exchange, limit, { account: id }, services)
    return handler(call, services)
  }
}

/** @throws HttpError 429 */
function count(
  exchange: Exchange,
  limit: LimitName,
  by: Parameters<Services['limits']['take']>[1],
  { limits }: Services,
): void {
  exchange.limits = { ...exchange.limits, ...limits.take(limit, by) }
}

/** What the handler answers once the guard of the route has let the caller in. */
function guarded(route: Route, handler: Handler, call: Call, services: Services): Eventually<Response> {
  const { guard } = route
  if (guard === 'none' || guard === 'protocol' || guard === 'interaction') return handler(call, services)
  if (guard === 'session') return inSession(handler, call, services)
  if (guard === 'signature') return bySignature(handler, call, services)
  const pageScope = scopeOfPage(guard)
  if (pageScope !== undefined) return onPage(pageScope, handler, call, services)
  return whenThere(admit(guard, call, services), (principal) => {
    call.principal = principal
    return handler(call, services)
  })
}

function scopeOfPage(guard: Guard): Scope | undefined {
  const scope = guard.startsWith('page:') ? guard.slice('page:'.length) : ''
  return isScope(scope) ? scope : undefined
}

/** By a credential. @throws HttpError 401 or 403 */
function admit(guard: Guard, call: Call, services: Services): Eventually<Principal> {
  if (guard === 'runner' || guard === 'service-key') return admitByKey(guard, call, services)
  const inside = whenThere(authenticate(call, services), (caller) =>
    enter(caller, call.headers.get('x-tenant'), services),
  )
  return whenThere(inside, (principal) => requireGuard(guard, principal))
}

/** @throws HttpError 403 */
function requireGuard(guard: Guard, principal: Principal): Principal {
  if (guard === 'person') requirePerson(principal)
  if (guard === 'administrator' && !isAdministrator(principal)) {
    throw new HttpError(403, 'forbidden', 'this is for administrators of the tenant')
  }
  if (isScope(guard) && !principal.scopes.has(guard)) {
    throw new HttpError(403, 'insufficient_scope', `this needs the scope ${guard}`, {
      details: { requiredScopes: [guard], tokenScopes: [...principal.scopes] },
    })
  }
  return principal
}

/** Adds the headers that every answer has. */
function complete(response: Response, { call, limits }: Exchange, { settings }: Services): Response {
  secure(response, settings.url.startsWith('https:'))
  // Where somebody may look for it, in the audit or the log: it takes a tenth of the time of a fast answer.
  if (response.status >= 400 || call.method !== 'GET') response.headers.set('x-request-id', call.requestId)
  // A refusal speaks of what refused, which has said so itself, not of an allowance that is left beside it.
  const left = response.status === 429 ? undefined : limits
  for (const name in left) {
    if (!response.headers.has(name)) response.headers.set(name, left[name] ?? '')
  }
  return response
}

function refuse(refusal: HttpError, call: Call, { settings }: Services): Eventually<Response> {
  return wantsPage(call) ? errorPage(refusal, new URL(settings.url).host) : refusal.toResponse()
}

/** A defect of ours: the log gets the place, nobody gets the text, which could carry anything. */
function defect(error: unknown, call: Call, { log }: Services): HttpError {
  logDefect(log, error, call.requestId)
  return new HttpError(500, 'internal', 'the server failed; its log says more', {
    details: { requestId: call.requestId },
  })
}

function noRoute(call: Call, router: Router): HttpError {
  const allowed = router.methods(call.path)
  if (allowed.length === 0) return new HttpError(404, 'not_found', 'there is nothing here')
  const allow = allowed.join(', ')
  return new HttpError(405, 'method_not_allowed', `use ${allow}`, { headers: { allow } })
}
