/** Turns the outcome of authentication into the caller of a request, or into a refusal. */
import type { Admitted, AuthenticationOutcome } from '../../auth/authentication-outcome-type.ts'
import { runnerOf, serviceKeyOf } from '../../auth/authenticate-runner-or-service-key.ts'
import type { Principal } from '../../access-rules/principal.ts'
import { by } from '../audit-entry-from-request.ts'
import type { Call } from '../request-context.ts'
import { HttpError } from '../response/http-error.ts'
import type { Services } from '../handler-services.ts'
import { tooManyAttempts } from './rate-limits.ts'

/**
 * The caller, if the outcome is `admitted`. Every other outcome throws.
 * @param challenge makes the `WWW-Authenticate` of a 401 (RFC 9110 §11.6.1)
 * @throws HttpError 401 or 429
 */
export function requireAdmitted(
  outcome: AuthenticationOutcome,
  challenge: () => string,
  call: Call,
  { audit }: Pick<Services, 'audit'>,
): Principal {
  if (outcome.kind === 'admitted') return outcome.principal
  if (outcome.kind === 'wrong_password') {
    const details = { provider: 'basic' }
    audit.record({ ...by(call), action: 'login', target: outcome.account, outcome: 'refused', details })
  }
  throw refusalOf(outcome, { 'www-authenticate': challenge() })
}

function refusalOf(
  outcome: Exclude<AuthenticationOutcome, Admitted>,
  headers: Record<string, string>,
): HttpError {
  if (outcome.kind === 'slowed') return tooManyAttempts(outcome.seconds)
  if (outcome.kind !== 'refused') {
    return new HttpError(401, 'unauthenticated', 'authentication required', { headers })
  }
  const details =
    outcome.code === 'signature_required'
      ? { hint: 'fob signs its requests with FOB_SIGN=1, or with sign = true in config.toml' }
      : {}
  return new HttpError(401, outcome.code, outcome.message, { headers, details })
}

/** The runner or service of a header that only routes with this guard read. @throws HttpError 401 */
export function requireKey(
  guard: 'runner' | 'service-key',
  { headers }: Call,
  services: Services,
): Principal {
  const principal =
    guard === 'runner'
      ? runnerOf(services.runners, headers.get('x-runner-token'))
      : serviceKeyOf(services.serviceKeys, headers.get('x-service-key'))
  if (principal !== undefined) return principal
  const what = guard === 'runner' ? 'X-Runner-Token' : 'x-service-key'
  // RFC 9110 §11.6.1 wants a challenge with every 401; no scheme is registered for a header of our own.
  throw new HttpError(401, 'unauthenticated', `this needs a valid ${what}`, {
    headers: { 'www-authenticate': `${guard === 'runner' ? 'Runner' : 'ServiceKey'} realm="fob"` },
  })
}
