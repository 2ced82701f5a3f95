/** Sends a message over HTTP, and sends it again where that may help. */
import { Fault } from '../../../contract/fault.ts'
import type { Clock } from '../../../platform/clock.ts'
import { fetchFailure } from '../../../platform/network/describe-fetch-failure.ts'
import type { Secret } from '../../../redact/secret.ts'
import { type GuardedFetch, hostOf } from '../../../guarded-fetch/request-checked-address.ts'
import type { Network } from '../../../guarded-fetch/allowed-networks.ts'

interface Post {
  url: Secret
  method: 'POST' | 'PUT' | 'PATCH'
  /** Without `content-type` it is JSON. */
  headers: Readonly<Record<string, Secret>>
  body: unknown
}

export interface ServiceResponse {
  status: number
  /** The start of the body. */
  body: string
}

/** Why a message was not accepted, and whether it may be sent again; undefined: it was accepted. */
export type Verdict = undefined | { reason: string; retry: boolean }

/** @param judge says whether the service has accepted the message @throws Fault with the last reason; the reason of a signal */
export type Deliver = (post: Post, judge: (response: ServiceResponse) => Verdict) => Promise<void>

const ATTEMPTS = 4
const ATTEMPT_MS = 10_000
const FIRST_WAIT_MS = 500
/** A service that asks for a longer wait is not asked retry: a pipeline waits for this. */
const MAX_WAIT_MS = 30_000
const MAX_BODY_BYTES = 16 * 1024

interface DeliveryOptions {
  clock: Clock
  network: Network
  guardedFetch: GuardedFetch
  /** 0 to 1. */
  random?: () => number
}

export function createDelivery({ clock, network, guardedFetch, random = Math.random }: DeliveryOptions) {
  async function attempt(
    post: Post,
    signal: AbortSignal,
  ): Promise<ServiceResponse & { wait: number | undefined }> {
    const headers = Object.entries(post.headers).map(([name, value]) => [name, value.reveal()] as const)
    const response = await guardedFetch({
      url: new URL(post.url.reveal()),
      method: post.method,
      headers: { 'content-type': 'application/json; charset=utf-8', ...Object.fromEntries(headers) },
      body: JSON.stringify(post.body),
      signal: AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_MS)]),
    })
    const wait = retryAfter(response.headers['retry-after'], clock.now())
    return { status: response.status, body: response.body.toString('utf8', 0, MAX_BODY_BYTES), wait }
  }

  return async (
    post: Post,
    judge: (response: ServiceResponse) => Verdict,
    signal: AbortSignal,
  ): Promise<void> => {
    checkAddress(post.url, network)
    for (let tried = 1; ; tried++) {
      let verdict: Verdict
      let asked: number | undefined
      try {
        const { wait, ...response } = await attempt(post, signal)
        asked = wait
        verdict = judgeStatus(response.status) ?? judge(response)
      } catch (error) {
        signal.throwIfAborted()
        verdict = failed(error)
      }
      if (verdict === undefined) return
      // Full jitter, so that requests that were refused together are not sent again together.
      const wait = asked ?? Math.ceil(random() * FIRST_WAIT_MS * 2 ** tried)
      if (!verdict.retry || tried === ATTEMPTS || wait > MAX_WAIT_MS)
        throw new Fault('failed', verdict.reason)
      await clock.sleep(wait, signal)
    }
  }
}

/** Statuses that mean the same for every service. */
function judgeStatus(status: number): Verdict {
  if (status >= 300 && status < 400) {
    return { reason: `it answered ${status}: redirects are not followed`, retry: false }
  }
  if (status === 429 || status >= 500) return { reason: `it answered ${status}`, retry: true }
  return undefined
}

/** Without the message of the error, which has the host in it: a whole address may be a secret. */
function failed(error: unknown): Verdict {
  const code = error instanceof Fault ? error.code : undefined
  if (code === 'forbidden') {
    const reason = 'its address is not a place on the internet, and this server allows no other'
    return { reason: `${reason}; its operator can: fob server --allow-network`, retry: false }
  }
  if (code === 'failed') return { reason: 'its answer was too large', retry: false }
  const cause = error instanceof Fault ? error.cause : error
  return { reason: `not sent: ${fetchFailure(cause)}`, retry: true }
}

/** @throws Fault `usage`, without the address */
function checkAddress(url: Secret, network: Network): void {
  const parsed = URL.canParse(url.reveal()) ? new URL(url.reveal()) : undefined
  if (parsed?.username !== '' || parsed.password !== '') {
    throw new Fault('usage', 'its address is none, or has a user in it', {
      hint: 'put credentials into headers',
    })
  }
  if (parsed.protocol === 'https:') return
  if (parsed.protocol === 'http:' && network.trusts(hostOf(parsed))) return
  throw new Fault('usage', 'its address is not one of https', {
    hint: 'http is for places that the operator has named with --allow-network',
  })
}

/** RFC 9110 §10.2.3: seconds, or a date. @returns milliseconds */
function retryAfter(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined
  const at = /^\d{1,9}$/.test(text) ? now + Number(text) * 1000 : Date.parse(text)
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}
