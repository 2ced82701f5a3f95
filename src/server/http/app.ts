import { randomUUIDv7 } from 'bun'
import { Hono } from 'hono'
import { isScope } from '../../contract/scopes.ts'
import { anonymous } from '../auth/principals.ts'
import { isAdministrator, type Principal } from '../rbac/principal.ts'
import { errorResponse, HttpError } from './answer.ts'
import { guardBounds } from './bounds.ts'
import type { Call, Handler } from './call.ts'
import { authenticate, admitByKey, requirePerson } from './credentials.ts'
import { type HeldBody, holdBody } from './held-body.ts'
import { enter } from './enter.ts'
import { guardOrigin } from './origin.ts'
import { type Route, ROUTES } from './routes.ts'
import type { Services } from './services.ts'
import { inSession } from './session-guard.ts'
import { bySignature } from './webhook-guard.ts'

/** What `Bun.serve` knows of a request and Hono does not. */
export interface Connection {
  address: string
  keepOpen(): void
}

/** The server's `fetch`: routing, guards, errors, headers and the access log around the table of routes. */
export function createApp(
  services: Services,
  routes: readonly Route[] = ROUTES,
): Hono<{ Bindings: Connection }> {
  const app = new Hono<{ Bindings: Connection }>()
  for (const route of routes) {
    app.on(route.method, route.path, async (c) => {
      const call = newCall(c.req.raw, c.req.param(), c.env, services)
      const limits: Record<string, string> = {}
      return observe(services, call, limits, () => answer(route, call, limits, services))
    })
  }
  app.all('*', async (c) => {
    const call = newCall(c.req.raw, {}, c.env, services)
    return observe(services, call, {}, async () => noRoute(call, routes))
  })
  return app
}

function newCall(
  request: Request,
  params: Readonly<Record<string, string>>,
  connection: Connection,
  services: Services,
): Call {
  return {
    request,
    params,
    url: new URL(request.url),
    principal: anonymous(services.defaultTenant),
    requestId: randomUUIDv7(),
    address: services.forwarded.clientAddress(connection.address, request.headers.get('x-forwarded-for')),
    keepOpen: () => connection.keepOpen(),
  }
}

/** @param limits takes the `RateLimit-*` headers, which stand on refusals as well */
async function answer(
  route: Route,
  call: Call,
  limits: Record<string, string>,
  services: Services,
): Promise<Response> {
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
  if (route.guard === 'signature') return bySignature(handler, call, services)
  const body = holdBody(call.request)
  const principal = await admit(route, call, body, services)
  return handler({ ...call, principal, request: body.request() }, services)
}

/** The guard. @throws HttpError 401 or 403 */
async function admit(route: Route, call: Call, body: HeldBody, services: Services): Promise<Principal> {
  const { guard } = route
  if (guard === 'none' || guard === 'protocol' || guard === 'interaction') return call.principal
  if (guard === 'runner' || guard === 'service-key') return admitByKey(guard, call, services)
  const caller = await authenticate(call, body, services)
  const principal = await enter(caller, call.request.headers.get('x-tenant'), services)
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

/** Adds the headers that every answer has, turns what was thrown into an answer, and logs one line. */
async function observe(
  services: Services,
  call: Call,
  extra: Readonly<Record<string, string>>,
  run: () => Promise<Response>,
): Promise<Response> {
  const { log, clock, settings } = services
  const started = clock.now()
  let response: Response
  try {
    response = await run()
  } catch (error) {
    response = errorResponse(error) ?? defect(error, call, services)
  }
  const headers = new Headers(response.headers)
  headers.set('x-request-id', call.requestId)
  for (const [name, value] of Object.entries(extra)) if (!headers.has(name)) headers.set(name, value)
  secure(headers, settings.url.startsWith('https:'))
  // The path alone: queries carry codes and states.
  log.info('request', {
    requestId: call.requestId,
    method: call.request.method,
    path: call.url.pathname,
    status: response.status,
    ms: clock.now() - started,
    address: call.address,
  })
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers })
}

/** What every answer carries, unless a page has said something stricter or more exact. */
function secure(headers: Headers, tls: boolean): void {
  headers.set('x-content-type-options', 'nosniff')
  headers.set('x-frame-options', 'DENY')
  headers.set('cross-origin-resource-policy', 'same-origin')
  // RFC 6797 §7.2: never over plain HTTP, where it would mean nothing.
  if (tls) headers.set('strict-transport-security', 'max-age=31536000')
  if (!headers.has('referrer-policy')) headers.set('referrer-policy', 'no-referrer')
  if (!headers.has('cache-control')) headers.set('cache-control', 'no-store')
  if (!headers.has('content-security-policy')) {
    headers.set('content-security-policy', "default-src 'none'; frame-ancestors 'none'")
  }
}

/** A defect of ours: the log gets the place, nobody gets the text, which could carry anything. */
function defect(error: unknown, call: Call, { log }: Services): Response {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  log.error('defect', {
    requestId: call.requestId,
    kind: error instanceof Error ? error.name : typeof error,
    at: stack
      .split('\n')
      .filter((line) => /^\s+at /.test(line))
      .slice(0, 8)
      .map((line) => line.trim())
      .join(' < '),
  })
  return new HttpError(500, 'internal', 'the server failed; its log says more', {
    details: { requestId: call.requestId },
  }).toResponse()
}

function noRoute(call: Call, routes: readonly Route[]): Response {
  const allowed = routes
    .filter((route) => matches(route.path, call.url.pathname))
    .map((route) => route.method)
  if (allowed.length === 0) return new HttpError(404, 'not_found', 'there is nothing here').toResponse()
  const allow = [...new Set(allowed)].join(', ')
  return new HttpError(405, 'method_not_allowed', `use ${allow}`, { headers: { allow } }).toResponse()
}

function matches(pattern: string, pathname: string): boolean {
  const [want, have] = [pattern.split('/'), pathname.split('/')]
  return want.length === have.length && want.every((part, i) => part.startsWith(':') || part === have[i])
}
