/**
 * Tokens that are bound to a key (RFC 9449, DPoP): the key of a login, and the proof of it that each request carries.
 * The proofs are added below openid-client, by the `fetch` that it is given: requests to the API and to UserInfo, which
 * do not go through it, need the same ones and the same nonces.
 */
import type { CryptoKey, JWK } from 'jose'
import * as v from 'valibot'
import { Fault } from '../../contract/fault.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Fetch } from '../../platform/fetch-type.ts'
import { parseJson } from '../../platform/parse-json.ts'
import { readBounded } from '../../platform/network/bounded-body.ts'
import { Secret } from '../../redact/secret.ts'

/** In the order of preference; a server that names none is given the first, which RFC 7518 recommends. */
const ALGORITHMS = ['ES256', 'ES384', 'ES512', 'Ed25519', 'EdDSA', 'PS256', 'RS256'] as const

const keySchema = v.looseObject({ kty: v.string(), alg: v.picklist(ALGORITHMS) })

/** The members of a public key; all others of a JWK stay here. */
const PUBLIC_MEMBERS: ReadonlySet<string> = new Set(['kty', 'crv', 'x', 'y', 'n', 'e'])
/** Of an error in OAuth's form. */
const MAX_ERROR_BYTES = 64 * 1024

/** Whether a key of ours would do for a server that publishes `dpop_signing_alg_values_supported`. */
export function knowsProofs(supported: readonly string[] | undefined): boolean {
  return supported !== undefined && ALGORITHMS.some((algorithm) => supported.includes(algorithm))
}

/**
 * A fresh key for one login, as a private JWK with its `alg`.
 * @param supported the server's algorithms; undefined where it does not tell.
 * @throws Fault `config` when it takes none of ours.
 */
export async function createDpopKey(supported: readonly string[] | undefined): Promise<Secret> {
  const alg = ALGORITHMS.find((algorithm) => supported?.includes(algorithm) ?? true)
  if (alg === undefined) {
    throw new Fault('config', 'the server takes no algorithm for DPoP proofs that fob knows', {
      hint: `fob knows ${ALGORITHMS.join(', ')}`,
    })
  }
  const { exportJWK, generateKeyPair } = await import('jose')
  const { privateKey } = await generateKeyPair(alg, { extractable: true })
  return new Secret(JSON.stringify({ ...(await exportJWK(privateKey)), alg }))
}

/**
 * `fetch` with a proof of the key in every request. A server's nonce goes into the proofs that follow, and a request
 * that was refused for want of one is sent once more (§8, §9). An access token in the `authorization` header is bound to
 * the proof (§4.2, `ath`).
 */
export function provingFetch(key: Secret, { fetch, clock }: { fetch: Fetch; clock: Clock }): Fetch {
  /** By origin: the authorization server and the API each have their own. */
  const nonces = new Map<string, string>()
  let signer: Promise<Signer> | undefined
  return async (url, init = {}) => {
    const { origin } = new URL(url)
    signer ??= importKey(key)
    const send = async (nonce: string | undefined) => {
      const headers = new Headers(init.headers)
      const request = { method: init.method ?? 'GET', url, token: tokenIn(headers), nonce, now: clock.now() }
      headers.set('dpop', await proofOf(request, await (signer ?? importKey(key))))
      const response = await fetch(url, { ...init, headers })
      const fresh = response.headers.get('dpop-nonce')
      if (fresh !== null) nonces.set(origin, fresh)
      return response
    }
    const sent = nonces.get(origin)
    const response = await send(sent)
    const wanted = nonces.get(origin)
    if (wanted === undefined || wanted === sent || !(await asksForNonce(response))) return response
    await response.body?.cancel()
    return send(wanted)
  }
}

interface Signer {
  alg: string
  publicKey: JWK
  privateKey: CryptoKey | Uint8Array
}

async function importKey(key: Secret): Promise<Signer> {
  const parsed = v.safeParse(keySchema, parseJson(key.reveal()))
  if (!parsed.success) {
    throw new Fault('unauthenticated', 'the key that this login is bound to is damaged', {
      hint: 'run fob auth login',
    })
  }
  const { importJWK } = await import('jose')
  const jwk: JWK = parsed.output
  const known = Object.entries(jwk).filter(([name]) => PUBLIC_MEMBERS.has(name))
  const { alg } = parsed.output
  return { alg, publicKey: Object.fromEntries(known), privateKey: await importJWK(jwk, alg) }
}

interface Proven {
  method: string
  url: string
  token: string | undefined
  nonce: string | undefined
  /** Milliseconds since 1970. */
  now: number
}

/** §4.2. The query and the fragment are no part of what is signed. */
async function proofOf({ method, url, token, nonce, now }: Proven, signer: Signer): Promise<string> {
  const { SignJWT } = await import('jose')
  const { origin, pathname } = new URL(url)
  const ath = token === undefined ? {} : { ath: await hashOf(token) }
  const claims = {
    htm: method,
    htu: `${origin}${pathname}`,
    ...ath,
    ...(nonce === undefined ? {} : { nonce }),
  }
  return new SignJWT(claims)
    .setProtectedHeader({ typ: 'dpop+jwt', alg: signer.alg, jwk: signer.publicKey })
    .setJti(crypto.randomUUID())
    .setIssuedAt(Math.floor(now / 1000))
    .sign(signer.privateKey)
}

async function hashOf(token: string): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(token))).toString('base64url')
}

function tokenIn(headers: Headers): string | undefined {
  return /^DPoP (.+)$/.exec(headers.get('authorization') ?? '')?.[1]
}

/** An authorization server says it in its body (§8), an API in the challenge of a 401 (§9). */
async function asksForNonce(response: Response): Promise<boolean> {
  const { status, headers } = response
  if (status !== 400 && status !== 401) return false
  if (/\berror="?use_dpop_nonce\b/i.test(headers.get('www-authenticate') ?? '')) return true
  const copy = new Response(response.clone().body)
  const body = parseJson((await readBounded(copy, MAX_ERROR_BYTES)) ?? '')
  return v.is(v.looseObject({ error: v.literal('use_dpop_nonce') }), body)
}
