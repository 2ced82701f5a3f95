import { randomUUIDv7 } from 'bun'
import { Hono } from 'hono'
import { isScope } from '../../contract/scopes.ts'
import { anonymous, readPresented } from '../auth/auth.ts'
import type { Principal } from '../rbac/principal.ts'
import { errorResponse, HttpError } from './answer.ts'
import type { Call } from './call.ts'
import { guardOrigin } from './origin.ts'
import { type Route, ROUTES } from './routes.ts'
import type { Services } from './services.ts'

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
      return observe(services, call, () => answer(route, call, services))
    })
  }
  app.all('*', async (c) => {
    const call = newCall(c.req.raw, {}, c.env, services)
    return observe(services, call, async () => noRoute(call, routes))
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
    address: connection.address,
    keepOpen: () => connection.keepOpen(),
  }
}

async function answer(route: Route, call: Call, services: Services): Promise<Response> {
  guardOrigin(call, services.settings)
  const principal = await admit(route, call, services)
  return route.handler({ ...call, principal }, services)
}

/** The guard. @throws HttpError 401 or 403 */
async function admit(route: Route, call: Call, services: Services): Promise<Principal> {
  const { guard } = route
  if (guard === 'none' || guard === 'protocol' || guard === 'session') return call.principal
  const presented = readPresented(call.request.headers.get('authorization'))
  const principal = await services.authenticator.authenticate(presented)
  if (principal === undefined) {
    const challenge = services.authenticator.challenge(presented)
    throw new HttpError(401, 'unauthenticated', 'authentication required', {
      headers: { 'www-authenticate': challenge },
    })
  }
  const tenant = call.request.headers.get('x-tenant')
  if (tenant !== null && tenant !== principal.tenant.slug) {
    throw new HttpError(403, 'unknown_tenant', 'you are not a member of that tenant', {
      details: { tenants: [principal.tenant.slug] },
    })
  }
  if (isScope(guard) && !principal.scopes.has(guard)) {
    throw new HttpError(403, 'insufficient_scope', `this needs the scope ${guard}`, {
      details: { requiredScopes: [guard], tokenScopes: [...principal.scopes] },
    })
  }
  return principal
}

/** Adds the headers that every answer has, turns what was thrown into an answer, and logs one line. */
async function observe(services: Services, call: Call, run: () => Promise<Response>): Promise<Response> {
  const { log, clock } = services
  const started = clock.now()
  let response: Response
  try {
    response = await run()
  } catch (error) {
    response = errorResponse(error) ?? defect(error, call, services)
  }
  const headers = new Headers(response.headers)
  headers.set('x-request-id', call.requestId)
  headers.set('x-content-type-options', 'nosniff')
  if (!headers.has('referrer-policy')) headers.set('referrer-policy', 'no-referrer')
  if (!headers.has('content-security-policy')) {
    headers.set('content-security-policy', "default-src 'none'; frame-ancestors 'none'")
  }
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
