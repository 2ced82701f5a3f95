/** The guard of the API: a credential in the request, the tenant that the request names, and what the route needs. */
import { isScope, type Scope } from '../../../contract/token-scopes.ts'
import { readPresented } from '../../auth/auth.ts'
import { type Eventually, whenThere } from '../../auth/value-or-promise.ts'
import type { Principal } from '../../access-rules/principal.ts'
import type { Call, Handler } from '../request-context.ts'
import type { Services } from '../handler-services.ts'
import { enterTenant, withMembershipHint } from './admit-to-tenant.ts'
import { requireAdmitted, requireKey } from './require-authenticated-caller.ts'
import { requireAdministrator, requirePerson, requireScope } from './require-permission.ts'

/**
 * What a route can need of a credential; `any` is any valid one. `run-follower`: the scope `runs:read`, or `runs:trigger`
 * where the caller has started the run, which the handler finds out (`findRunToFollow`).
 */
export type CredentialGuard =
  | 'any'
  | 'person'
  | 'administrator'
  | 'run-follower'
  | 'runner'
  | 'service-key'
  | Scope

/**
 * The handler's response, for a caller that passes. At once where nothing has to be waited for, as almost always:
 * see `auth/value-or-promise.ts`.
 * @throws HttpError 401, 403, 413 or 429
 */
export function byCredential(
  guard: CredentialGuard,
  handler: Handler,
  call: Call,
  services: Services,
): Eventually<Response> {
  if (guard === 'runner' || guard === 'service-key') {
    call.principal = requireKey(guard, call, services)
    return handler(call, services)
  }
  return whenThere(admit(call, call.headers.get('x-tenant'), services), (principal) => {
    requireGuard(guard, principal)
    call.principal = principal
    if (principal.memberships.kind === 'outdated') {
      return withMembershipHint(principal, () => handler(call, services))
    }
    return handler(call, services)
  })
}

/**
 * The caller by the `Authorization` header, and the signature where there is one, in the tenant with this slug.
 * @throws HttpError 401, 403, 413 or 429
 */
export function admit(call: Call, slug: string | null, services: Services): Eventually<Principal> {
  const { authenticator } = services
  const presented = readPresented(call.headers.get('authorization'))
  return whenThere(authenticator.authenticate(presented, call), (outcome) => {
    const challenge = () => authenticator.challenge(presented, call.path)
    return enterTenant(requireAdmitted(outcome, challenge, call, services), slug, services)
  })
}

/** @throws HttpError 403 */
function requireGuard(guard: Exclude<CredentialGuard, 'runner' | 'service-key'>, principal: Principal): void {
  if (guard === 'person') requirePerson(principal)
  if (guard === 'administrator') requireAdministrator(principal)
  if (guard === 'run-follower' && !principal.scopes.has('runs:trigger')) requireScope(principal, 'runs:read')
  if (isScope(guard)) requireScope(principal, guard)
}
