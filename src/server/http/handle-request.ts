/** The server's `fetch`: bounds, routing, guards, errors, headers and the access log around the table of routes. */
import { isScope, type Scope } from '../../contract/token-scopes.ts'
import { anonymous } from '../auth/create-principal.ts'
import type { Eventually } from '../auth/value-or-promise.ts'
import { logDefect } from '../log.ts'
import { openAccessLog } from './access-log.ts'
import { Call, type Handler, type Peers } from './request-context.ts'
import { byCredential } from './guards/credential-guard.ts'
import { guardOrigin } from './guards/refuse-cross-site-requests.ts'
import { onPage } from './guards/session-or-credential-page-guard.ts'
import type { Limited, LimitName } from './guards/rate-limits.ts'
import { requireServerAdministrator } from './guards/require-permission.ts'
import { inSession } from './guards/session-guard.ts'
import { asDeviceIsTold } from './response/device-poll-refusal.ts'
import { bySignature } from './guards/webhook-signature-guard.ts'
import { HttpError, noRoom, toHttpError } from './response/http-error.ts'
import { errorPage, wantsPage } from './response/error-page.ts'
import { openHeldBodies } from './request/limit-total-body-bytes.ts'
import { DEFAULT_BODY_BYTES, guardDeclaredLength } from './request/request-body.ts'
import { guardBounds } from './request/request-head-limits.ts'
import { openRouter, type Router } from './router.ts'
import { type Guard, type Route, ROUTES } from './routes.ts'
import { secure } from './response/security-headers.ts'
import { hostOf, type Services } from './handler-services.ts'

export interface App {
  /** At once where nothing has to be waited for. Never rejects. */
  fetch(request: Request): Eventually<Response>
}

/** One request: when it came, and the `RateLimit-*` headers of its response, which refusals have as well. */
interface Exchange {
  call: Call
  started: number
  limits: Readonly<Record<string, string>> | undefined
  /** The limit that has refused it. */
  refusedBy?: LimitName
}

export function createApp(
  services: Services,
  peers: Omit<Peers, 'held'>,
  routes: readonly Route[] = ROUTES,
): App {
  const router = openRouter(routes)
  const nobody = anonymous(services.defaultTenant)
  const { forwarded } = services
  const from: Peers = {
    addressOf: (request) => forwarded.clientAddress(peers.addressOf(request), request.headers),
    keepOpen: peers.keepOpen,
    held: openHeldBodies(),
  }
  const logRequest = openAccessLog(services)

  /** 6. Every response gets its headers and its line in the access log. */
  function finish(response: Response, exchange: Exchange): Response {
    exchange.call.releaseBody()
    const completed = complete(response, exchange, services)
    const { call, started } = exchange
    services.metrics.request(call.method, response.status, (services.clock.now() - started) / 1000)
    logRequest(call, response.status, started)
    return completed
  }

  async function fail(error: unknown, exchange: Exchange): Promise<Response> {
    const { call } = exchange
    call.noteAddress()
    const refused = services.disk.note(error)
      ? noRoom()
      : (toHttpError(error) ?? defect(error, call, services))
    // Others are those of runs that wait, and of wrong passwords.
    if (refused.status === 429) services.metrics.refused(exchange.refusedBy ?? refused.code)
    const refusal = await asDeviceIsTold(refused, call)
    const response = wantsPage(call) ? await errorPage(refusal, hostOf(services)) : refusal.toResponse()
    return finish(response, exchange)
  }

  return {
    fetch(request) {
      const started = services.clock.now()
      const path = pathOf(request.url)
      // 1. The row of the table of routes.
      const found = router.find(request.method, path)
      const call = new Call(
        { request, path, params: found?.params ?? {}, maxBody: found?.route.maxBody },
        nobody,
        from,
      )
      const exchange: Exchange = { call, started, limits: undefined }
      try {
        // 2. The bounds of the request line and the header.
        guardBounds(request)
        if (found === undefined) throw noRoute(call, router)
        guardDeclaredLength(request, found.route.maxBody ?? DEFAULT_BODY_BYTES)
        const response = respond(found.route, exchange, services)
        if (!(response instanceof Promise)) return finish(response, exchange)
        call.noteAddress()
        return response.then(
          (resolved) => finish(resolved, exchange),
          (error) => fail(error, exchange),
        )
      } catch (error) {
        return fail(error, exchange)
      }
    },
  }
}

/**
 * The path of a `Request.url`, which is normalized: finding it there is faster than a `URL`. Where the `Host` is not
 * valid, the URL has nothing before the path.
 */
export function pathOf(href: string): string {
  const start = href.startsWith('/') ? 0 : href.indexOf('/', href.indexOf('://') + 3)
  const end = href.indexOf('?', start)
  return end === -1 ? href.slice(start) : href.slice(start, end)
}

function respond(route: Route, exchange: Exchange, services: Services): Eventually<Response> {
  const { call } = exchange
  // 3. Requests from other websites are refused.
  guardOrigin(call, services.settings)
  // 4. A limited route counts the request: by address before the guard, by account behind it.
  if (route.limit === undefined) return guarded(route.guard, route.handler, call, services)
  count(exchange, route.limit, { kind: 'address', id: call.address }, services)
  return guarded(route.guard, countingAccounts(route.limit, route.handler, exchange), call, services)
}

/** 5. The guard finds out who is calling, and runs the handler for a caller that passes. */
function guarded(guard: Guard, handler: Handler, call: Call, services: Services): Eventually<Response> {
  if (guard === 'none' || guard === 'protocol' || guard === 'interaction') return handler(call, services)
  if (guard === 'session') return inSession(handler, call, services)
  if (guard === 'signature') return bySignature(handler, call, services)
  if (guard === 'metrics') return forMetrics(handler, call, services)
  if (isPageGuard(guard)) return onPage(scopeOfPage(guard), handler, call, services)
  return byCredential(guard, handler, call, services)
}

function forMetrics(handler: Handler, call: Call, services: Services): Eventually<Response> {
  if (services.settings.metricsOpen) return handler(call, services)
  const forServer: Handler = (admitted, all) => {
    requireServerAdministrator(admitted.principal, all)
    return handler(admitted, all)
  }
  return byCredential('any', forServer, call, services)
}

type PageGuard = Extract<Guard, `page:${Scope}`>

function isPageGuard(guard: Guard): guard is PageGuard {
  return guard.startsWith('page:')
}

function scopeOfPage(guard: PageGuard): Scope {
  const scope = guard.slice('page:'.length)
  if (!isScope(scope)) throw new Error(`the guard ${guard} does not name a scope`)
  return scope
}

function countingAccounts(limit: LimitName, handler: Handler, exchange: Exchange): Handler {
  return (call, services) => {
    const { kind, id } = call.principal
    if (kind !== 'anonymous') count(exchange, limit, { kind: 'account', id }, services)
    return handler(call, services)
  }
}

/** @throws HttpError 429 */
function count(exchange: Exchange, limit: LimitName, caller: Limited, { limits }: Services): void {
  try {
    exchange.limits = { ...exchange.limits, ...limits.take(limit, caller) }
  } catch (error) {
    exchange.refusedBy = limit
    throw error
  }
}

/** Adds the headers that every response has. */
function complete(response: Response, { call, limits }: Exchange, { settings }: Services): Response {
  secure(response, settings.url.startsWith('https:'))
  // Only where somebody may look for it, in the audit log or the server's log: it takes a tenth of a fast request.
  if (response.status >= 400 || call.method !== 'GET') response.headers.set('x-request-id', call.requestId)
  // A 429 has the headers of the limit that refused it, not of another allowance.
  const left = response.status === 429 ? undefined : limits
  for (const name in left) {
    if (!response.headers.has(name)) response.headers.set(name, left[name] ?? '')
  }
  return response
}

/** An unexpected error: the log gets its place in the source; its text, which could contain anything, goes nowhere. */
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
