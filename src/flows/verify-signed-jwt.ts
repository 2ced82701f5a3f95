/** Checks a signed JWT of an authorization server against the keys that it publishes (RFC 7517). */
import type { JSONWebKeySet, JWTPayload } from 'jose'
import * as v from 'valibot'
import type { Fetch } from '../platform/fetch-type.ts'
import { parseJson } from '../platform/parse-json.ts'
import { readIfOk } from './bounded-response.ts'

/** Only keys that are published: whoever knows a shared secret could sign with it. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']
const CLOCK_TOLERANCE_S = 60

const keySetSchema = v.looseObject({ keys: v.array(v.looseObject({ kty: v.string() })) })

export interface Signer {
  issuer: string
  jwksUri: string
  /** Whom a JWT with an audience has to be meant for; where it is unknown, that is not checked. */
  clientId?: string
}

/**
 * The claims of a JWT whose signature is the server's. `iss` and `aud` have to fit where they are present (OpenID
 * Connect Core §5.3.2), and `exp` where there is one.
 * @returns undefined for anything that is not a JWT, is encrypted, or does not fit.
 * @throws what `fetch` throws; Fault `server_error` for keys that are too large.
 */
export async function verifySignedJwt(
  jwt: string,
  { issuer, jwksUri, clientId }: Signer,
  { fetch, signal, now }: { fetch: Fetch; signal: AbortSignal; now: number },
): Promise<JWTPayload | undefined> {
  const response = await fetch(jwksUri, {
    headers: { accept: 'application/jwk-set+json, application/json' },
    redirect: 'manual',
    signal,
  })
  const keys = v.safeParse(keySetSchema, parseJson((await readIfOk(response, jwksUri)) ?? ''))
  if (!keys.success) return undefined
  const { createLocalJWKSet, jwtVerify } = await import('jose')
  try {
    const { payload } = await jwtVerify(jwt, createLocalJWKSet(keys.output as JSONWebKeySet), {
      algorithms: [...ALGORITHMS, 'Ed25519'],
      clockTolerance: CLOCK_TOLERANCE_S,
      currentDate: new Date(now),
    })
    const { iss = issuer, aud } = payload
    const forUs = aud === undefined || clientId === undefined || [aud].flat().includes(clientId)
    return iss === issuer && forUs ? payload : undefined
  } catch {
    return undefined
  }
}
