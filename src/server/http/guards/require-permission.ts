/** What a route requires beyond a credential: a person, an administrator, a scope, or access to all pipelines. */
import type { Scope } from '../../../contract/token-scopes.ts'
import { isAdministrator, type Principal } from '../../access-rules/principal.ts'
import { HttpError, notForYou } from '../response/http-error.ts'
import type { Services } from '../handler-services.ts'

/**
 * What creates or revokes credentials is for people: a token that leaked must not be able to create others, and what
 * another program created would outlive the end of its login.
 * @throws HttpError 403
 */
export function requirePerson(principal: Principal): asserts principal is Principal & { userId: string } {
  if (principal.kind === 'user' && principal.userId !== null) return
  const { code, message, hint } = notPerson(principal)
  throw new HttpError(403, code, message, { details: { hint } })
}

function notPerson({ kind }: Principal): { code: string; message: string; hint: string } {
  if (kind === 'open' || kind === 'basic') {
    return {
      code: 'needs_oauth',
      message: 'this server has no logins, so nobody can own a token or be a member',
      hint: 'start the server with an OAuth provider, or --local-accounts',
    }
  }
  if (kind === 'program') {
    return {
      code: 'login_required',
      message: 'this needs a login of your own, not one of another program',
      hint: 'run fob auth login, or use the pages of this server',
    }
  }
  return {
    code: 'login_required',
    message: 'this needs a login of your own, not a token',
    hint: 'run fob auth login',
  }
}

/** @throws HttpError 403 for anybody but an administrator of the tenant */
export function requireAdministrator(principal: Principal): void {
  if (!isAdministrator(principal)) throw notForYou('tenant')
}

/** Administrators of the default tenant run the server: what reaches beyond one tenant is for them. */
export function isServerAdministrator(
  principal: Principal,
  { defaultTenant }: Pick<Services, 'defaultTenant'>,
): boolean {
  return isAdministrator(principal) && principal.tenant.id === defaultTenant.id
}

/** @throws HttpError 403 for anybody but an administrator of the server */
export function requireServerAdministrator(
  principal: Principal,
  services: Pick<Services, 'defaultTenant'>,
): void {
  if (!isServerAdministrator(principal, services)) throw notForYou('server')
}

/** @throws HttpError 403 */
export function requireScope(principal: Principal, scope: Scope): void {
  if (!principal.scopes.has(scope)) throw missingScope(principal, scope)
}

export function missingScope({ scopes }: Principal, scope: Scope): HttpError {
  return new HttpError(403, 'insufficient_scope', `this needs the scope ${scope}`, {
    details: { requiredScopes: [scope], tokenScopes: [...scopes] },
  })
}

/**
 * For what concerns every pipeline, such as a global secret.
 * @throws HttpError 403
 */
export function requireAllPipelines({ pipelines }: Principal, doing: string): void {
  if (pipelines === null) return
  throw new HttpError(403, 'pipeline_token', `this token is for some pipelines only and cannot ${doing}`, {
    details: { hint: 'create one with --all-pipelines' },
  })
}
