import { randomUUIDv7 } from 'bun'
import { isScope, type Scope } from '../../contract/scopes.ts'
import { type Eventually, whenThere } from '../auth/eventually.ts'
import { anonymous } from '../auth/principals.ts'
import { logDefect } from '../log.ts'
import { isAdministrator, type Principal } from '../rbac/principal.ts'
import { HttpError, toHttpError } from './answer.ts'
import { guardBounds } from './bounds.ts'
import type { Call, Handler } from './call.ts'
import { authenticate, admitByKey, requirePerson } from './credentials.ts'
import { type HeldBody, holdBody } from './held-body.ts'
import { enter } from './enter.ts'
import { errorPage, wantsPage } from './error-page.ts'
import { guardOrigin } from './origin.ts'
import { onPage } from './page-guard.ts'
import { openRouter, type Router } from './router.ts'
import { type Guard, type Route, ROUTES } from './routes.ts'
import { secure } from './secure.ts'
import type { Services } from './services.ts'
import { inSession } from './session-guard.ts'
import { bySignature } from './webhook-guard.ts'

/** What `Bun.serve` knows of a request and the request does not. */
export interface Connection {
  address: string
  keepOpen(): void
}

/** The server's `fetch`: routing, guards, errors, headers and the access log around the table of routes. */
export interface App {
  /** At once where nothing has to be waited for. Never rejects. */
  fetch(request: Request, connection: Connection): Eventually<Response>
}

export function createApp(services: Services, routes: readonly Route[] = ROUTES): App {
  const router = openRouter(routes)
  const nobody = anonymous(services.defaultTenant)
  return {
    fetch(request, connection) {
      const started = services.clock.now()
      const path = pathOf(request.url)
      const found = router.find(request.method, path)
      let url: URL | undefined
      const forwarded = request.headers.get('x-forwarded-for')
      const call: Call = {
        request,
        path,
        params: found?.params ?? {},
        // Most handlers have no use for it.
        get url() {
          return (url ??= parseUrl(request.url))
        },
        principal: nobody,
        requestId: randomUUIDv7(),
        address: services.forwarded.clientAddress(connection.address, forwarded),
        keepOpen: () => connection.keepOpen(),
      }
      const limits: Record<string, string> = {}
      const finish = (response: Response) => complete(response, { call, limits, started }, services)
      const fail = (error: unknown) =>
        whenThere(refuse(toHttpError(error) ?? defect(error, call, services), call, services), finish)
      let response: Eventually<Response>
      try {
        if (found === undefined) throw noRoute(call, router)
        response = answer(found.route, call, limits, services)
      } catch (error) {
        return fail(error)
      }
      return response instanceof Promise ? response.then(finish, fail) : finish(response)
    },
  }
}

/**
 * The path of a `Request.url`, which is normalised: looking for it takes less than a `URL`. Where the `Host` is
 * none, there is nothing before the path.
 */
function pathOf(href: string): string {
  const start = href.startsWith('/') ? 0 : href.indexOf('/', href.indexOf('://') + 3)
  const end = href.indexOf('?', start)
  return end === -1 ? href.slice(start) : href.slice(start, end)
}

/** @throws HttpError 400 (RFC 9112 §3.2) */
function parseUrl(href: string): URL {
  const url = URL.parse(href)
  if (url !== null) return url
  throw new HttpError(400, 'invalid_request', 'the Host of the request is none')
}

/** @param limits takes the `RateLimit-*` headers, which stand on refusals as well */
function answer(
  route: Route,
  call: Call,
  limits: Record<string, string>,
  services: Services,
): Eventually<Response> {
  guardBounds(call.request)
  guardOrigin(call, services.settings)
  if (route.limit !== undefined) {
    Object.assign(limits, services.limits.take(route.limit, { address: call.address }))
  }
  const handler: Handler = (admitted) => {
    if (route.limit !== undefined && admitted.principal.kind !== 'anonymous') {
      Object.assign(limits, services.limits.take(route.limit, { account: admitted.principal.id }))
    }
    return route.handler(admitted, services)
  }
  if (route.guard === 'session') return inSession(handler, call, services)
  const pageScope = scopeOfPage(route.guard)
  if (pageScope !== undefined) return onPage(pageScope, handler, call, services)
  if (route.guard === 'signature') return bySignature(handler, call, services)
  const body = holdBody(call.request)
  return whenThere(admit(route, call, body, services), (principal) =>
    handler(Object.assign(call, { principal, request: body.request() }), services),
  )
}

function scopeOfPage(guard: Guard): Scope | undefined {
  const scope = guard.startsWith('page:') ? guard.slice('page:'.length) : ''
  return isScope(scope) ? scope : undefined
}

/** The guard. @throws HttpError 401 or 403 */
function admit(route: Route, call: Call, body: HeldBody, services: Services): Eventually<Principal> {
  const { guard } = route
  if (guard === 'none' || guard === 'protocol' || guard === 'interaction') return call.principal
  if (guard === 'runner' || guard === 'service-key') return admitByKey(guard, call, services)
  const inside = whenThere(authenticate(call, body, services), (caller) =>
    enter(caller, call.request.headers.get('x-tenant'), services),
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

/** Adds the headers that every answer has, and logs one line. */
function complete(
  response: Response,
  { call, limits, started }: { call: Call; limits: Readonly<Record<string, string>>; started: number },
  { log, clock, settings }: Services,
): Response {
  const { headers } = response
  headers.set('x-request-id', call.requestId)
  for (const name in limits) if (!headers.has(name)) headers.set(name, limits[name] ?? '')
  secure(headers, settings.url.startsWith('https:'))
  // The path alone: queries carry codes and states.
  log.info('request', {
    requestId: call.requestId,
    method: call.request.method,
    path: call.path,
    status: response.status,
    ms: clock.now() - started,
    address: call.address,
  })
  return call.request.method === 'HEAD' ? new Response(null, response) : response
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
