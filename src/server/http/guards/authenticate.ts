import { type Outcome, readPresented } from '../../auth/auth.ts'
import { type Eventually, whenThere } from '../../auth/value-or-promise.ts'
import { runnerOf, serviceKeyOf } from '../../auth/runner-and-service-keys.ts'
import type { Principal } from '../../rbac/principal.ts'
import { HttpError } from '../response.ts'
import { by } from '../api/audit-log.ts'
import type { Call } from '../call.ts'
import { tooManyAttempts } from './rate-limits.ts'
import type { Services } from '../services.ts'

/** Lifts out of a request what proves who is calling, and lets `auth` decide. */

/** By the `Authorization` header, and the signature where there is one. @throws HttpError 401, 413 or 429 */
export function authenticate(call: Call, { authenticator, audit }: Services): Eventually<Principal> {
  const presented = readPresented(call.headers.get('authorization'))
  return whenThere(authenticator.authenticate(presented, call), (outcome) => {
    if (isPrincipal(outcome)) return outcome
    if (outcome !== undefined && 'account' in outcome) {
      audit.record({
        ...by(call),
        action: 'login',
        target: outcome.account,
        outcome: 'refused',
        details: { provider: 'basic' },
      })
    }
    return refuse(outcome, authenticator.challenge(presented, call.path))
  })
}

function isPrincipal(outcome: Outcome): outcome is Principal {
  return outcome !== undefined && 'kind' in outcome
}

/** @throws HttpError 401 or 429, always */
function refuse(outcome: Exclude<Outcome, Principal>, challenge: string): never {
  const headers = { 'www-authenticate': challenge }
  if (outcome === undefined || 'account' in outcome) {
    throw new HttpError(401, 'unauthenticated', 'authentication required', { headers })
  }
  if ('wait' in outcome) throw tooManyAttempts(outcome.wait)
  const details =
    outcome.refused === 'signature_required'
      ? { hint: 'fob signs its requests with FOB_SIGN=1, or with sign = true in config.toml' }
      : {}
  throw new HttpError(401, outcome.refused, outcome.message, { headers, details })
}

/** By a header that only this route reads. @throws HttpError 401 */
export function admitByKey(guard: 'runner' | 'service-key', call: Call, services: Services): Principal {
  const { headers } = call.request
  const principal =
    guard === 'runner'
      ? runnerOf(services.runners, headers.get('x-runner-token'))
      : serviceKeyOf(services.serviceKeys, headers.get('x-service-key'))
  if (principal !== undefined) return principal
  const what = guard === 'runner' ? 'X-Runner-Token' : 'x-service-key'
  // RFC 9110 §11.6.1 wants a challenge with every 401; there is no registered scheme for a header of our own.
  throw new HttpError(401, 'unauthenticated', `this needs a valid ${what}`, {
    headers: { 'www-authenticate': `${guard === 'runner' ? 'Runner' : 'ServiceKey'} realm="fob"` },
  })
}

/**
 * What makes or ends credentials is for people: a token that leaked must not be able to make others, and what a
 * program of somebody else's made would outlive the end of its login.
 * @throws HttpError 403
 */
export function requirePerson(principal: Principal): asserts principal is Principal & { userId: string } {
  if (principal.kind === 'user' && principal.userId !== null) return
  const { code, message, hint } = noPerson(principal)
  throw new HttpError(403, code, message, { details: { hint } })
}

function noPerson({ kind }: Principal): { code: string; message: string; hint: string } {
  if (kind === 'open' || kind === 'basic') {
    return {
      code: 'needs_oauth',
      message: 'this server has no logins, so nobody can own a token',
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
