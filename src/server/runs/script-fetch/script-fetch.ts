/**
 * Owns: `fetch` of a script: what it may request, from which hosts, and how much of the response it gets.
 * Refuses: hosts that are not on the internet, unless the operator has allowed them, at every redirect; to send a
 * secret to another origin, or over plain http; to use a credential or a proxy of the server.
 */
import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import { namedRecord } from '../../../contract/refuse-object-prototype-names.ts'
import type { Redactor } from '../../../redact/redactor.ts'
import { Secret } from '../../../redact/secret.ts'
import type { HostCalls } from '../host-call-type.ts'
import { createLimiter } from '../concurrency-limiter.ts'
import { redactedFault } from '../fault-as-text.ts'
import {
  type GuardedResponse,
  type GuardedFetch,
  hostOf,
} from '../../../guarded-fetch/request-checked-address.ts'
import type { Network } from '../../../guarded-fetch/allowed-networks.ts'

interface FetchCallsOptions {
  guardedFetch: GuardedFetch
  network: Network
  redactor: Redactor
  /** Turns `secret:` references into `Secret`s, which the redactor then knows. */
  resolve(value: unknown): Promise<unknown>
}

/** How many requests of one run are in progress at once; each response is held in memory for a while. */
const AT_ONCE = 8
const MAX_REDIRECTS = 5
const DEFAULT_TIMEOUT_MS = 30_000
const MAX_TIMEOUT_MS = 5 * 60_000
const MAX_BODY_BYTES = 1024 * 1024

/** RFC 9110 §5.6.2. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]{1,128}$/
/** Headers that frame a message, name the host or are for proxies: a script must not set them. */
const NOT_FOR_SCRIPTS =
  /^(?:host|connection|content-length|transfer-encoding|te|trailer|upgrade|keep-alive|expect|accept-encoding|proxy-.*)$/

const request = v.strictObject({
  url: v.pipe(v.string(), v.maxLength(8192, 'has over 8192 characters')),
  method: v.optional(
    v.pipe(
      v.string(),
      v.toUpperCase(),
      v.picklist(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']),
    ),
    'GET',
  ),
  headers: v.optional(
    namedRecord(
      v.pipe(
        v.string(),
        v.toLowerCase(),
        v.regex(HEADER_NAME, 'is not a name for a header'),
        v.check((name) => !NOT_FOR_SCRIPTS.test(name), 'is not a header that a script sets'),
      ),
      v.pipe(v.string(), v.maxLength(8192, 'has over 8192 characters')),
    ),
    {},
  ),
  body: v.optional(
    v.nullable(
      v.pipe(
        v.string(),
        v.check((body) => Buffer.byteLength(body) <= MAX_BODY_BYTES, 'is larger than 1 MiB'),
      ),
    ),
  ),
  timeout: v.optional(
    v.pipe(v.number(), v.minValue(1, 'is under 1 ms'), v.maxValue(MAX_TIMEOUT_MS, 'is over 5 minutes')),
    DEFAULT_TIMEOUT_MS,
  ),
})
type FetchRequest = v.InferOutput<typeof request>

/** As the script gets it, redacted. */
interface FetchResponse {
  status: number
  statusText: string
  headers: Record<string, string>
  /** base64 */
  body: string
  url: string
}

/** `fetch`, of one run. */
export function createFetchCalls(options: FetchCallsOptions): HostCalls {
  const { guardedFetch, network, redactor, resolve } = options
  const limiter = createLimiter(AT_ONCE)

  async function perform(asked: FetchRequest, runs: AbortSignal): Promise<FetchResponse> {
    const signal = AbortSignal.any([runs, AbortSignal.timeout(asked.timeout)])
    const headers = await resolveHeaders(asked.headers, resolve)
    let hop: Hop = { url: readUrl(asked.url), method: asked.method, headers, body: asked.body ?? undefined }
    for (let count = 0; count <= MAX_REDIRECTS; count++) {
      guardSecrets(hop, network)
      const response = await guardedFetch({ ...hop, headers: toSend(hop.headers), signal })
      const next = nextHop(hop, response)
      if (next === undefined) return redacted(hop.url, response, redactor)
      hop = next
    }
    throw new Fault('failed', `${hop.url.host} redirects more than ${MAX_REDIRECTS} times`)
  }

  return {
    fetch: async (params, { signal }) => {
      const asked = parseRequest(params)
      try {
        return await limiter.run(() => perform(asked, signal), signal)
      } catch (error) {
        throw redactedFault('fetch', error, redactor)
      }
    },
  }
}

interface Header {
  value: string
  isSecret: boolean
}

interface Hop {
  url: URL
  method: string
  headers: Readonly<Record<string, Header>>
  body: string | undefined
}

function parseRequest(params: unknown): FetchRequest {
  const parsed = v.safeParse(request, params)
  if (!parsed.success) {
    const [issue] = parsed.issues
    const field = (v.getDotPath(issue) ?? 'its argument').slice(0, 100)
    throw new Fault('usage', `fetch: ${field} ${issue.message.replace(/^Invalid .*$/s, 'is not accepted')}`)
  }
  const { method, body } = parsed.output
  if (body !== undefined && body !== null && (method === 'GET' || method === 'HEAD')) {
    throw new Fault('usage', `fetch: ${method} has no body`)
  }
  return parsed.output
}

/** @throws Fault `usage`; the text is not repeated, as it may hold anything. */
function readUrl(text: string, base?: URL): URL {
  const url = URL.parse(text, base?.href)
  if (url === null) throw new Fault('usage', 'the url is none')
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new Fault('usage', `${url.protocol} cannot be asked; http: and https: can`)
  }
  if (url.username !== '' || url.password !== '') {
    throw new Fault('usage', 'the url holds a password: put it into a header, as a secret')
  }
  url.hash = ''
  return url
}

/** `secret:KEY`, and `Bearer secret:KEY` with any word before it. */
async function resolveHeaders(
  headers: Readonly<Record<string, string>>,
  resolve: FetchCallsOptions['resolve'],
): Promise<Record<string, Header>> {
  const entries: [string, Header][] = []
  for (const [name, text] of Object.entries(headers)) {
    const [, scheme = '', reference = text] = /^([A-Za-z][A-Za-z0-9-]* )(secret:.*)$/s.exec(text) ?? []
    const found = await resolve(reference)
    const isSecret = found instanceof Secret
    const value = isSecret ? headerText(name, found) : text
    entries.push([name, { value: isSecret ? scheme + value : value, isSecret }])
  }
  for (const [name, { value }] of entries) {
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
      throw new Fault('usage', `the header ${name} has a character that no header can have`)
    }
  }
  return Object.fromEntries(entries)
}

function headerText(name: string, secret: Secret): string {
  if (!secret.isText) throw new Fault('failed', `the secret of the header ${name} is not text`)
  return secret.reveal()
}

/** @throws Fault `forbidden` where a secret would be sent over plain http, but to a host that the operator has allowed */
function guardSecrets({ url, headers }: Hop, network: Network): void {
  const carries = Object.values(headers).some(({ isSecret }) => isSecret)
  if (!carries || url.protocol === 'https:' || network.trusts(hostOf(url))) return
  throw new Fault('forbidden', `${url.host} would be sent a secret over plain http`, { hint: 'use https' })
}

function toSend(headers: Hop['headers']): Record<string, string> {
  const own = Object.entries(headers).map(([name, { value }]) => [name, value] as const)
  // A compressed response cannot be searched for secrets; some servers compress all the same.
  return { 'user-agent': 'fob', 'accept-encoding': 'identity', accept: '*/*', ...Object.fromEntries(own) }
}

/** The request that a redirect asks for; undefined for any other response. As browsers do (Fetch Standard, HTTP-redirect fetch). */
function nextHop(hop: Hop, { status, headers }: GuardedResponse): Hop | undefined {
  const { location } = headers
  if (![301, 302, 303, 307, 308].includes(status) || location === undefined) return undefined
  const url = readUrl(location, hop.url)
  const becomesGet =
    (status === 303 && hop.method !== 'HEAD') || ([301, 302].includes(status) && hop.method === 'POST')
  const kept = Object.entries(hop.headers).filter(
    ([name, { isSecret }]) =>
      (url.origin === hop.url.origin || !(isSecret || /^(?:authorization|cookie)$/.test(name))) &&
      !(becomesGet && name.startsWith('content-')),
  )
  return {
    url,
    method: becomesGet ? 'GET' : hop.method,
    headers: Object.fromEntries(kept),
    body: becomesGet ? undefined : hop.body,
  }
}

function redacted(
  url: URL,
  { status, statusText, headers, body }: GuardedResponse,
  redactor: Redactor,
): FetchResponse {
  const stream = redactor.stream()
  const clean = Buffer.concat([...stream.push(body), ...stream.end()])
  const names = Object.entries(headers).map(([name, value]) => [name, redactor.text(value)] as const)
  return {
    status,
    statusText: redactor.text(statusText),
    headers: Object.fromEntries(names),
    body: clean.toString('base64'),
    url: redactor.text(url.href),
  }
}
