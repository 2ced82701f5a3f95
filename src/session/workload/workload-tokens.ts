/** A token of a fob server for a job: its ID token, checked before it is sent, and exchanged. */
import { Fault } from '../../contract/fault.ts'
import type { TokenSet } from '../../flows/flow-types.ts'
import { exchangeIdToken } from '../../flows/workload/exchange-id-token.ts'
import {
  audienceFor,
  howToGetOne,
  idTokenName,
  type IdTokenSource,
  namedIdToken,
  type Workload,
} from '../../flows/workload/find-id-token.ts'
import { type IdTokenContext, readIdToken } from '../../flows/workload/read-id-token.ts'
import type { Env } from '../../platform/processes/own-and-child-environment.ts'
import { safeLine } from '../../platform/terminal/make-text-printable.ts'
import type { Secret } from '../../redact/secret.ts'
import { jwtClaims } from '../check-jwt-form-and-expiry.ts'

export interface WorkloadContext extends IdTokenContext {
  env: Env
}

/**
 * @param server a fob server that the user has named
 * @param scopes empty: all that the server grants this job
 * @throws Fault as `readIdToken` and `exchangeIdToken` do; `unauthenticated` or `credentials_expired` for an ID token
 * that the server could not accept, before it is sent
 */
export async function workloadTokens(
  source: IdTokenSource,
  server: string,
  context: WorkloadContext,
  scopes: readonly string[] = [],
): Promise<TokenSet> {
  const audience = audienceFor(server, context.env)
  const idToken = await readIdToken(source, audience, context)
  requireUsable(idToken, source, audience, context.clock.now())
  return exchangeIdToken({ server, idToken, source, scopes }, context)
}

/** The next token of a stored login that came from an ID token, with the same scopes. @throws Fault as `workloadTokens` does */
export async function renewByIdToken(
  { server, workload, scopes }: { server: string; workload: Workload; scopes: readonly string[] },
  context: WorkloadContext,
): Promise<TokenSet> {
  const source = namedIdToken(workload, context.env, audienceFor(server, context.env))
  return workloadTokens(source, server, context, scopes)
}

function requireUsable(idToken: Secret, source: IdTokenSource, audience: string, now: number): void {
  const name = idTokenName(source)
  const hint = howToGetOne(source.kind, audience)
  if (idToken.reveal() === '') throw new Fault('unauthenticated', `${name} is empty`, { hint })
  const claims = jwtClaims(idToken)
  if (claims === undefined) {
    throw new Fault('unauthenticated', `${name} is not a JWT (header.payload.signature)`, { hint })
  }
  if ((claims.expiresAt ?? Infinity) <= now) {
    throw new Fault('credentials_expired', `${name} has expired`, {
      hint: 'it ends with the time that the job may take',
    })
  }
  // A token for another audience is not this server's to see: it could present it there.
  if (claims.audiences.some((one) => withoutSlash(one) === withoutSlash(audience))) return
  const others = claims.audiences.map((one) => safeLine(one, 200)).join(', ') || 'nobody'
  throw new Fault('unauthenticated', `${name} is for ${others}, not for ${audience}`, { hint })
}

function withoutSlash(url: string): string {
  return url.replace(/\/$/, '')
}
