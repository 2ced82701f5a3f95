/**
 * Owns: the table of routes. A route cannot be written without its guard.
 * Refuses: any path that is not in this table (404), and a method that its path does not have (405).
 */
import type { Scope } from '../../contract/token-scopes.ts'
import { listAudit } from './api/list-audit-log.ts'
import type { Handler } from './request-context.ts'
import type { CredentialGuard } from './guards/credential-guard.ts'
import type { LimitName } from './guards/rate-limits.ts'
import { alive, health, protectedResource, profile, userinfo } from './api/profile-health-and-metadata.ts'
import { apiExchange, apiLogin, apiLogout, apiMe, apiRefresh } from './api/json-login-endpoints.ts'
import { githubLogin } from './api/github-cli-login.ts'
import { consentPage, consentSubmit, loginPage, loginSubmit } from './login/login-and-consent-pages.ts'
import { startIdentityProviderLogin, finishIdentityProviderLogin } from './login/identity-provider-routes.ts'
import { metricsText } from './api/metrics-endpoint.ts'
import { mcp } from './api/mcp-endpoint.ts'
import { oauth } from './login/forward-oauth-to-issuer.ts'
import { pipelinePage, pipelinesPage, pipelineSubmit } from './pages/pipeline-pages.ts'
import {
  deletePipeline,
  getPipeline,
  listPipelines,
  pausePipeline,
  putPipeline,
  triggerPipeline,
  unpausePipeline,
} from './api/pipelines.ts'
import {
  createRunner,
  deleteRunner,
  getRunner,
  heartbeat,
  listRunners,
  regenerateRunner,
  renameRunner,
  runnerInstallScript,
} from './api/runners.ts'
import { runsPage } from './pages/run-list-page.ts'
import { runPage, runSubmit } from './pages/single-run-page.ts'
import { getRun, listRuns, runEvents, runLog, resumeRun, startRunAgain, stopRun } from './api/runs.ts'
import { deleteSecret, listSecrets, putSecret, rewrapSecrets } from './api/secrets.ts'
import {
  endSessions,
  sessionsPage,
  settingsStart,
  signedIn,
  signIn,
  signOut,
  signOutPage,
} from './pages/login-logout-session-pages.ts'
import { deleteInvitation, listInvitations, postInvitation } from './api/people/invitations.ts'
import {
  acceptInvitation,
  createInvitedAccount,
  invitationLogin,
  invitationPage,
  openInvitationSubmit,
} from './pages/invitation-pages.ts'
import { invitationsSubmit } from './pages/create-and-revoke-invitations.ts'
import { passwordPage, passwordSubmit } from './pages/password-page.ts'
import { putOwnPassword } from './api/people/own-password.ts'
import { secretsPage, secretSubmit } from './pages/secrets-page.ts'
import { createServiceToken } from './api/issue-service-token.ts'
import { newTokenPage, newTokenSubmit, revokeTokenSubmit, tokensPage } from './pages/personal-token-pages.ts'
import { front, script, styleSheet } from './pages/front-page-and-assets.ts'
import {
  createDownloadToken,
  createToken,
  listTokens,
  revokeCurrentToken,
  revokeToken,
} from './api/personal-and-download-tokens.ts'
import { auditPage } from './pages/audit-page.ts'
import { addTenantSubmit, memberSubmit, membersPage, tenantsPage } from './pages/member-and-tenant-pages.ts'
import { listTenants } from './api/list-own-tenants.ts'
import { deleteMember, listMembers, putMember } from './api/people/members.ts'
import { deleteWebhook, putWebhook, receiveWebhook } from './api/webhooks.ts'

/**
 * Who may call a route.
 * - `none`: anyone.
 * - `protocol`: anyone; the OAuth protocol authenticates by itself.
 * - `interaction`: a page of a login or an invitation in progress, bound to its cookie or to the secret that was sent.
 * - `session`: a page of a person who is logged in in this browser. Its forms carry the session's `csrf` value, which
 *   the guard checks.
 * - `page:` and a scope: a page for callers with that scope, by their session or, where nobody logs in, as the API.
 * - `any`: any valid credential.
 * - `person`: a person's own login, not a token and not a login of another program.
 * - `administrator`: an administrator of the tenant, by a credential that was not narrowed.
 * - `run-follower`: a credential that carries `runs:read`, or `runs:trigger` and has started the run.
 * - `runner` and `service-key`: the header of that name and nothing else.
 * - `signature`: a webhook, signed with its secret.
 * - `metrics`: an administrator of the server; anybody, where the settings say so (`--metrics-open`).
 * - a scope: a credential that carries it.
 */
export type Guard =
  | 'none'
  | 'protocol'
  | 'interaction'
  | 'session'
  | 'signature'
  | 'metrics'
  | `page:${Scope}`
  | CredentialGuard

export interface Route {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** `:name` stands for one segment. */
  path: string
  guard: Guard
  handler: Handler
  /** Counted by address and by account, and refused with 429 beyond the policy in `http/guards/rate-limits.ts`. */
  limit?: LimitName
  /** Bytes of a request's body at most; 64 KiB where nothing is said. */
  maxBody?: number
}

const route = (
  method: Route['method'],
  path: string,
  guard: Guard,
  handler: Handler,
  bounds: Pick<Route, 'limit' | 'maxBody'> = {},
): Route => ({ method, path, guard, handler, ...bounds })

const MIB = 1024 * 1024
/** A pipeline with its files of secrets, or the arguments of a run. */
const LARGE = { maxBody: 10 * MIB }
/** GitHub shortens a push event that would be larger; others send links. */
const WEBHOOK = { limit: 'webhook', maxBody: MIB } as const

export const ROUTES: readonly Route[] = [
  route('GET', '/', 'none', front),
  route('GET', '/assets/fob.css', 'none', styleSheet),
  route('GET', '/assets/local-times.js', 'none', script('/assets/local-times.js')),
  route('GET', '/assets/copy-buttons.js', 'none', script('/assets/copy-buttons.js')),
  route('GET', '/assets/run.js', 'none', script('/assets/run.js')),
  route('GET', '/assets/run-tasks.js', 'none', script('/assets/run-tasks.js')),
  route('GET', '/assets/log-text.js', 'none', script('/assets/log-text.js')),
  route('GET', '/assets/open-invitation.js', 'none', script('/assets/open-invitation.js')),
  route('GET', '/health', 'none', health),
  route('GET', '/health/live', 'none', alive),
  route('GET', '/metrics', 'metrics', metricsText),

  route('GET', '/.well-known/oauth-authorization-server', 'protocol', oauth),
  route('GET', '/.well-known/openid-configuration', 'protocol', oauth),
  route('GET', '/.well-known/oauth-protected-resource', 'none', protectedResource),
  route('GET', '/.well-known/oauth-protected-resource/mcp', 'none', protectedResource),
  route('GET', '/oauth/authorize', 'protocol', oauth, { limit: 'authorize' }),
  route('POST', '/oauth/authorize', 'protocol', oauth, { limit: 'authorize' }),
  route('GET', '/oauth/authorize/:uid', 'protocol', oauth, { limit: 'authorize' }),
  route('POST', '/oauth/token', 'protocol', oauth, { limit: 'token' }),
  route('POST', '/oauth/revoke', 'protocol', oauth, { limit: 'token' }),
  route('POST', '/oauth/introspect', 'protocol', oauth, { limit: 'token' }),
  route('POST', '/oauth/register', 'protocol', oauth, { limit: 'registration' }),
  route('POST', '/oauth/device_authorization', 'protocol', oauth, { limit: 'device' }),
  route('GET', '/oauth/jwks', 'protocol', oauth),
  route('GET', '/oauth/userinfo', 'any', userinfo),
  route('POST', '/oauth/userinfo', 'any', userinfo),

  route('GET', '/auth/device', 'protocol', oauth, { limit: 'authorize' }),
  route('POST', '/auth/device', 'protocol', oauth, { limit: 'device' }),
  route('GET', '/auth/device/:uid', 'protocol', oauth, { limit: 'authorize' }),

  route('GET', '/auth/login', 'none', signIn),
  route('GET', '/auth/return', 'none', signedIn),
  route('GET', '/auth/logout', 'session', signOutPage),
  route('POST', '/auth/logout', 'session', signOut),
  route('GET', '/settings', 'none', settingsStart),
  route('GET', '/settings/', 'none', settingsStart),
  route('GET', '/settings/sessions', 'session', sessionsPage),
  route('POST', '/settings/sessions', 'session', endSessions),
  route('GET', '/settings/password', 'session', passwordPage),
  route('POST', '/settings/password', 'session', passwordSubmit, { limit: 'login' }),

  // The second segments are fixed: they are registered with the identity providers as callbacks.
  route('GET', '/auth/github', 'none', startIdentityProviderLogin('github'), { limit: 'login' }),
  route('GET', '/auth/github/callback', 'none', finishIdentityProviderLogin('github'), { limit: 'login' }),
  route('GET', '/auth/gitlab', 'none', startIdentityProviderLogin('gitlab'), { limit: 'login' }),
  route('GET', '/auth/gitlab/callback', 'none', finishIdentityProviderLogin('gitlab'), { limit: 'login' }),
  route('GET', '/auth/microsoftonline', 'none', startIdentityProviderLogin('microsoft'), { limit: 'login' }),
  route('GET', '/auth/microsoftonline/callback', 'none', finishIdentityProviderLogin('microsoft'), {
    limit: 'login',
  }),

  route('GET', '/auth/login/:uid', 'interaction', loginPage),
  route('POST', '/auth/login/:uid', 'interaction', loginSubmit, { limit: 'login' }),
  route('GET', '/auth/consent/:uid', 'interaction', consentPage),
  route('POST', '/auth/consent/:uid', 'interaction', consentSubmit, { limit: 'authorize' }),

  route('POST', '/api/auth/login', 'none', apiLogin, { limit: 'login' }),
  route('POST', '/api/auth/refresh', 'none', apiRefresh, { limit: 'token' }),
  route('POST', '/api/auth/token', 'none', apiExchange, { limit: 'token' }),
  route('POST', '/api/auth/logout', 'none', apiLogout, { limit: 'token' }),
  route('GET', '/api/auth/me', 'any', apiMe),
  route('PUT', '/api/auth/password', 'person', putOwnPassword, { limit: 'login' }),
  route('GET', '/api/auth/github', 'none', githubLogin, { limit: 'login' }),
  route('GET', '/api/auth/github/callback', 'none', finishIdentityProviderLogin('github'), {
    limit: 'login',
  }),

  route('GET', '/api/v1/profile', 'any', profile),
  route('GET', '/api/v1/tenants', 'any', listTenants),
  route('GET', '/api/audit', 'administrator', listAudit),

  route('GET', '/api/members', 'administrator', listMembers),
  route('PUT', '/api/members/:who', 'administrator', putMember),
  route('DELETE', '/api/members/:who', 'administrator', deleteMember),

  route('GET', '/api/invitations', 'administrator', listInvitations),
  route('POST', '/api/invitations', 'administrator', postInvitation, { limit: 'token-creation' }),
  route('DELETE', '/api/invitations/:id', 'administrator', deleteInvitation),
  route('GET', '/invitation', 'none', invitationPage),
  route('POST', '/invitation', 'interaction', openInvitationSubmit, { limit: 'login' }),
  route('GET', '/invitation/login', 'none', invitationLogin, { limit: 'login' }),
  route('POST', '/invitation/accept', 'session', acceptInvitation, { limit: 'login' }),
  route('POST', '/invitation/account', 'interaction', createInvitedAccount, { limit: 'login' }),

  route('GET', '/settings/tenants', 'session', tenantsPage),
  route('POST', '/settings/tenants', 'session', addTenantSubmit),
  route('GET', '/settings/members', 'session', membersPage),
  route('POST', '/settings/members', 'session', memberSubmit),
  route('POST', '/settings/invitations', 'session', invitationsSubmit, { limit: 'token-creation' }),
  route('GET', '/settings/audit', 'session', auditPage),

  route('GET', '/settings/tokens', 'session', tokensPage),
  route('GET', '/settings/tokens/new', 'session', newTokenPage),
  route('POST', '/settings/tokens/new', 'session', newTokenSubmit, { limit: 'token-creation' }),
  route('POST', '/settings/tokens/revoke', 'session', revokeTokenSubmit),

  // "current" before any ID, and "install.sh" likewise: the first row that matches is used.
  route('POST', '/api/auth/cli-tokens', 'person', createToken, { limit: 'token-creation' }),
  route('GET', '/api/auth/cli-tokens', 'person', listTokens),
  route('DELETE', '/api/auth/cli-tokens/current', 'any', revokeCurrentToken),
  route('DELETE', '/api/auth/cli-tokens/:id', 'person', revokeToken),
  route('POST', '/api/auth/service-token', 'service-key', createServiceToken, { limit: 'token-creation' }),
  route('POST', '/api/auth/download-token', 'person', createDownloadToken, { limit: 'token-creation' }),

  route('GET', '/api/runners', 'runners:read', listRunners),
  route('POST', '/api/runners', 'runners:manage', createRunner, { limit: 'token-creation' }),
  route('POST', '/api/runners/heartbeat', 'runner', heartbeat),
  route('GET', '/api/runners/install.sh', 'runners:read', runnerInstallScript),
  route('GET', '/api/runners/:id', 'runners:read', getRunner),
  route('PUT', '/api/runners/:id', 'runners:manage', renameRunner),
  route('DELETE', '/api/runners/:id', 'runners:manage', deleteRunner),
  route('POST', '/api/runners/:id/regenerate', 'runners:manage', regenerateRunner, {
    limit: 'token-creation',
  }),

  route('GET', '/api/pipelines', 'pipelines:read', listPipelines),
  route('GET', '/api/pipelines/:name', 'pipelines:read', getPipeline),
  route('PUT', '/api/pipelines/:name', 'pipelines:write', putPipeline, LARGE),
  route('DELETE', '/api/pipelines/:name', 'pipelines:write', deletePipeline),
  route('POST', '/api/pipelines/:name/run', 'runs:trigger', triggerPipeline, LARGE),
  route('POST', '/api/pipelines/:name/pause', 'pipelines:write', pausePipeline),
  route('POST', '/api/pipelines/:name/unpause', 'pipelines:write', unpausePipeline),

  route('PUT', '/api/pipelines/:name/webhook', 'pipelines:write', putWebhook),
  route('DELETE', '/api/pipelines/:name/webhook', 'pipelines:write', deleteWebhook),
  route('POST', '/api/webhooks/:pipeline', 'signature', receiveWebhook, WEBHOOK),

  route('GET', '/api/runs', 'runs:read', listRuns),
  route('GET', '/api/runs/:id', 'run-follower', getRun),
  route('GET', '/api/runs/:id/events', 'run-follower', runEvents),
  route('GET', '/api/runs/:id/log', 'run-follower', runLog),
  route('POST', '/api/runs/:id/stop', 'runs:trigger', stopRun),
  route('POST', '/api/runs/:id/resume', 'runs:trigger', resumeRun),
  route('POST', '/api/runs/:id/again', 'runs:trigger', startRunAgain),

  route('GET', '/pipelines', 'page:pipelines:read', pipelinesPage),
  route('GET', '/pipelines/:name', 'page:pipelines:read', pipelinePage),
  route('POST', '/pipelines/:name', 'page:runs:trigger', pipelineSubmit),
  route('GET', '/runs', 'page:runs:read', runsPage),
  route('GET', '/runs/:id', 'page:runs:read', runPage),
  route('POST', '/runs/:id', 'page:runs:trigger', runSubmit),
  route('GET', '/runs/:id/events', 'page:runs:read', runEvents),
  route('GET', '/runs/:id/log', 'page:runs:read', runLog),

  route('GET', '/secrets', 'page:secrets:read', secretsPage),
  route('POST', '/secrets', 'page:secrets:write', secretSubmit),

  route('GET', '/api/secrets', 'secrets:read', listSecrets),
  route('POST', '/api/secrets/rewrap', 'secrets:write', rewrapSecrets),
  route('PUT', '/api/secrets/:key', 'secrets:write', putSecret, LARGE),
  route('DELETE', '/api/secrets/:key', 'secrets:write', deleteSecret),

  // Each tool has a scope of its own. Older revisions use GET and DELETE, which are told that there is no session.
  route('POST', '/mcp', 'any', mcp, LARGE),
  route('GET', '/mcp', 'any', mcp),
  route('DELETE', '/mcp', 'any', mcp),
]
