/** Fetches the public keys of an issuer: its metadata (OpenID Connect Discovery 1.0 §4), then its keys (RFC 7517 §5). */
import type { JSONWebKeySet } from 'jose'
import * as v from 'valibot'
import type { Fetch } from '../../platform/fetch-type.ts'
import { fetchFailure } from '../../platform/network/describe-fetch-failure.ts'
import { isLoopbackHost } from '../../platform/network/is-loopback-host.ts'
import { readBounded } from '../../platform/network/bounded-body.ts'
import { parseJson } from '../../platform/parse-json.ts'

/** For metadata and keys together. */
const ALL_MS = 5000
/** A hundred keys of 4096 bits have some 80 KiB. */
const MAX_BYTES = 512 * 1024

/** @property why for the log of the server: it holds nothing of what the issuer sent */
export type FetchedKeys =
  | { kind: 'keys'; text: string; keys: JSONWebKeySet }
  | { kind: 'failed'; why: string }

export interface KeyPlace {
  issuer: string
  /** Undefined: where the metadata say. */
  keysUrl: string | undefined
}

const metadataSchema = v.looseObject({ issuer: v.string(), jwks_uri: v.string() })
const keysSchema = v.looseObject({ keys: v.array(v.looseObject({ kty: v.string() })) })

/** Never throws. Redirects are not followed: another host is another issuer. */
export async function fetchIssuerKeys(
  { issuer, keysUrl }: KeyPlace,
  { fetch, timeoutMs = ALL_MS }: { fetch: Fetch; timeoutMs?: number },
): Promise<FetchedKeys> {
  const signal = AbortSignal.timeout(timeoutMs)
  const metadataUrl = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  let url = keysUrl
  if (url === undefined) {
    const metadata = await get(metadataUrl, metadataSchema, { fetch, signal })
    if (metadata.kind === 'failed') return metadata
    // §4.3: what says that it is another issuer must not vouch for this one.
    if (metadata.body.issuer !== issuer) return failed(`${metadataUrl} is about another issuer`)
    url = metadata.body.jwks_uri
    if (!isSafe(url, issuer)) return failed(`${metadataUrl} names keys at an address without https`)
  }
  const found = await get(url, keysSchema, { fetch, signal })
  if (found.kind === 'failed') return found
  return { kind: 'keys', text: found.text, keys: found.body }
}

function failed(why: string): { kind: 'failed'; why: string } {
  return { kind: 'failed', why }
}

/** http is for an issuer on this machine: one elsewhere must not choose who on it is asked. */
function isSafe(text: string, issuer: string): boolean {
  const url = URL.parse(text)
  if (url?.protocol === 'https:') return true
  return url?.protocol === 'http:' && isLoopbackHost(url.hostname) && issuer.startsWith('http:')
}

async function get<T>(
  url: string,
  schema: v.GenericSchema<unknown, T>,
  { fetch, signal }: { fetch: Fetch; signal: AbortSignal },
): Promise<{ kind: 'found'; text: string; body: T } | { kind: 'failed'; why: string }> {
  try {
    const response = await fetch(url, { headers: { accept: 'application/json' }, redirect: 'manual', signal })
    if (response.status !== 200) {
      await response.body?.cancel()
      const redirects = response.status >= 300 && response.status < 400
      return failed(
        `${url} ${redirects ? 'redirects, which is not followed' : `responded ${response.status}`}`,
      )
    }
    const text = await readBounded(response, MAX_BYTES)
    if (text === undefined) return failed(`${url} sent more than ${MAX_BYTES} bytes`)
    const body = v.safeParse(schema, parseJson(text))
    return body.success ? { kind: 'found', text, body: body.output } : failed(`${url} sent something else`)
  } catch (error) {
    return failed(`${url} did not respond: ${fetchFailure(error)}`)
  }
}
