/**
 * Owns: the table of routes. A route cannot be written without its guard.
 * Refuses: any route that is not in this table; a wrong method is answered with 405 and what is allowed.
 */
import type { Scope } from '../../contract/scopes.ts'
import type { Handler } from './call.ts'
import { health, protectedResource, profile, userinfo } from './identity.ts'
import { consentPage, consentSubmit, loginPage, loginSubmit } from './interactions.ts'
import { oauth } from './oauth.ts'
import { deletePipeline, getPipeline, listPipelines, putPipeline, triggerPipeline } from './pipelines.ts'
import { getRun, listRuns, runEvents, stopRun } from './runs.ts'
import { deleteSecret, listSecrets, putSecret, rewrapSecrets } from './secrets.ts'
import { front, styleSheet } from './site.ts'

/**
 * Who may call a route. `none`: anyone. `protocol`: the OAuth protocol authenticates. `session`: a page
 * bound to a browser's cookie. `any`: any valid credential. A scope: a credential that carries it.
 */
export type Guard = 'none' | 'protocol' | 'session' | 'any' | Scope

export interface Route {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** `:name` stands for one segment. */
  path: string
  guard: Guard
  handler: Handler
}

const route = (method: Route['method'], path: string, guard: Guard, handler: Handler): Route => ({
  method,
  path,
  guard,
  handler,
})

export const ROUTES: readonly Route[] = [
  route('GET', '/', 'none', front),
  route('GET', '/assets/fob.css', 'none', styleSheet),
  route('GET', '/health', 'none', health),

  route('GET', '/.well-known/oauth-authorization-server', 'protocol', oauth),
  route('GET', '/.well-known/openid-configuration', 'protocol', oauth),
  route('GET', '/.well-known/oauth-protected-resource', 'none', protectedResource),
  route('GET', '/oauth/authorize', 'protocol', oauth),
  route('POST', '/oauth/authorize', 'protocol', oauth),
  route('GET', '/oauth/authorize/:uid', 'protocol', oauth),
  route('POST', '/oauth/token', 'protocol', oauth),
  route('POST', '/oauth/revoke', 'protocol', oauth),
  route('GET', '/oauth/jwks', 'protocol', oauth),
  route('GET', '/oauth/userinfo', 'any', userinfo),
  route('POST', '/oauth/userinfo', 'any', userinfo),

  route('GET', '/auth/login/:uid', 'session', loginPage),
  route('POST', '/auth/login/:uid', 'session', loginSubmit),
  route('GET', '/auth/consent/:uid', 'session', consentPage),
  route('POST', '/auth/consent/:uid', 'session', consentSubmit),

  route('GET', '/api/v1/profile', 'any', profile),

  route('GET', '/api/pipelines', 'pipelines:read', listPipelines),
  route('GET', '/api/pipelines/:name', 'pipelines:read', getPipeline),
  route('PUT', '/api/pipelines/:name', 'pipelines:write', putPipeline),
  route('DELETE', '/api/pipelines/:name', 'pipelines:write', deletePipeline),
  route('POST', '/api/pipelines/:name/run', 'runs:trigger', triggerPipeline),

  route('GET', '/api/runs', 'runs:read', listRuns),
  route('GET', '/api/runs/:id', 'runs:read', getRun),
  route('GET', '/api/runs/:id/events', 'runs:read', runEvents),
  route('POST', '/api/runs/:id/stop', 'runs:trigger', stopRun),

  route('GET', '/api/secrets', 'secrets:read', listSecrets),
  route('POST', '/api/secrets/rewrap', 'secrets:write', rewrapSecrets),
  route('PUT', '/api/secrets/:key', 'secrets:write', putSecret),
  route('DELETE', '/api/secrets/:key', 'secrets:write', deleteSecret),
]
