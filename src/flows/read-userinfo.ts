/** The UserInfo endpoint (OpenID Connect Core §5.3). */
import * as v from 'valibot'
import { Fault } from '../contract/fault.ts'
import { present } from '../contract/omit-undefined.ts'
import type { Clock } from '../platform/clock.ts'
import type { Fetch } from '../platform/fetch-type.ts'
import { cannotReach } from '../platform/network/describe-fetch-failure.ts'
import { parseJson } from '../platform/parse-json.ts'
import { readIfOk } from './bounded-response.ts'
import type { Identity, TokenSet } from './flow-types.ts'
import { identityOf } from './identity-from-id-token.ts'
import { verifySignedJwt } from './verify-signed-jwt.ts'

const TIMEOUT_MS = 30_000

const claimsSchema = v.looseObject({ sub: v.string() })

/** Where to ask, and whose signature counts where the response is a JWT. */
export interface UserinfoServer {
  endpoint: string
  issuer: string
  /** Without it, a response that is a JWT is not used. */
  jwksUri?: string
  clientId?: string
}

/** The endpoint of a server, as discovery found it; undefined where it has none. */
export function userinfoOf(
  provider: { issuer: string; userinfoEndpoint?: string; jwksUri?: string },
  clientId?: string,
): UserinfoServer | undefined {
  const { issuer, userinfoEndpoint: endpoint, jwksUri } = provider
  return endpoint === undefined ? undefined : present({ endpoint, issuer, jwksUri, clientId })
}

export type Userinfo =
  | { kind: 'user'; identity: Identity }
  /** 401: the server does not accept the token. */
  | { kind: 'refused' }
  /** 403: as 401, or the token lacks a scope that the endpoint asks for (RFC 6750 §3.1). */
  | { kind: 'forbidden' }
  /** There is no such endpoint, or its response names no user. */
  | { kind: 'nobody' }

interface UserinfoContext {
  clock: Clock
  fetch: Fetch
  signal: AbortSignal
}

/**
 * Whose an access token is.
 * @param subject of the ID token: a response about another subject is not used (§5.3.2).
 * @throws Fault `unreachable`; `server_error` for a response that is too large; the signal's reason.
 */
export async function readUserinfo(
  server: UserinfoServer,
  tokens: Pick<TokenSet, 'accessToken' | 'dpopKey'>,
  subject: string | undefined,
  context: UserinfoContext,
): Promise<Userinfo> {
  const { endpoint } = server
  const { clock, signal } = context
  const until = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)])
  let response: Response
  let claims: unknown
  try {
    response = await ask(endpoint, tokens, { ...context, signal: until })
    const text = await readIfOk(response, endpoint)
    const within = { fetch: context.fetch, signal: until, now: clock.now() }
    claims = text === undefined ? undefined : await claimsIn(text, response, server, within)
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (error instanceof Fault) throw error
    const { message, hint } = cannotReach(new URL(endpoint).origin, error)
    throw new Fault('unreachable', message, { hint })
  }
  if (response.status === 401) return { kind: 'refused' }
  if (response.status === 403) return { kind: 'forbidden' }
  const parsed = v.safeParse(claimsSchema, claims)
  const identity = parsed.success ? identityOf(parsed.output) : undefined
  const isUsed = identity !== undefined && (subject === undefined || identity.subject === subject)
  return isUsed ? { kind: 'user', identity } : { kind: 'nobody' }
}

async function ask(
  endpoint: string,
  { accessToken, dpopKey }: Pick<TokenSet, 'accessToken' | 'dpopKey'>,
  context: UserinfoContext,
): Promise<Response> {
  const fetch =
    dpopKey === undefined ? context.fetch : (await import('./dpop/dpop.ts')).provingFetch(dpopKey, context)
  return fetch(endpoint, {
    headers: {
      accept: 'application/json, application/jwt',
      authorization: `${dpopKey === undefined ? 'Bearer' : 'DPoP'} ${accessToken.reveal()}`,
    },
    redirect: 'manual',
    signal: context.signal,
  })
}

/** JSON; or a JWT where the client is registered so (§5.3.2), which counts with the server's signature alone. */
async function claimsIn(
  text: string,
  { headers }: Response,
  { issuer, jwksUri, clientId }: UserinfoServer,
  context: { fetch: Fetch; signal: AbortSignal; now: number },
): Promise<unknown> {
  if (!/^application\/jwt\b/i.test(headers.get('content-type') ?? '')) return parseJson(text)
  if (jwksUri === undefined) return undefined
  return verifySignedJwt(text.trim(), present({ issuer, jwksUri, clientId }), context)
}
