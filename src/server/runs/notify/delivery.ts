import { Fault } from '../../../contract/fault.ts'
import type { Clock } from '../../../platform/clock.ts'
import { fetchFailure, isLoopbackHost } from '../../../platform/network.ts'
import type { Secret } from '../../../redact/secret.ts'

export interface Post {
  url: Secret
  method: 'POST' | 'PUT' | 'PATCH'
  /** Without `content-type` it is JSON. */
  headers: Readonly<Record<string, Secret>>
  body: unknown
}

export interface Answer {
  status: number
  /** Its beginning. */
  body: string
}

/** Undefined: it was taken. */
export type Verdict = undefined | { reason: string; again: boolean }

/** Sends, and sends again where that may help. @throws Fault with the last reason, or the signal's */
export type Deliver = (post: Post, judge: (answer: Answer) => Verdict) => Promise<void>

const ATTEMPTS = 4
const ATTEMPT_MS = 10_000
const FIRST_WAIT_MS = 500
/** Who is asked to wait for longer gives up: a pipeline waits for this. */
const MAX_WAIT_MS = 30_000
const MAX_ANSWER = 16 * 1024

export interface DeliveryOptions {
  clock: Clock
  fetch: typeof globalThis.fetch
  /** 0 to 1. */
  random?: () => number
}

export function createDelivery({ clock, fetch, random = Math.random }: DeliveryOptions) {
  async function attempt(post: Post, signal: AbortSignal): Promise<Answer & { wait: number | undefined }> {
    const headers = Object.entries(post.headers).map(([name, value]) => [name, value.reveal()] as const)
    const response = await fetch(post.url.reveal(), {
      method: post.method,
      headers: { 'content-type': 'application/json; charset=utf-8', ...Object.fromEntries(headers) },
      body: JSON.stringify(post.body),
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_MS)]),
    })
    const wait = retryAfter(response.headers.get('retry-after'), clock.now())
    return { status: response.status, body: await beginning(response), wait }
  }

  return async (post: Post, judge: (answer: Answer) => Verdict, signal: AbortSignal): Promise<void> => {
    checkAddress(post.url)
    for (let tried = 1; ; tried++) {
      let verdict: Verdict
      let asked: number | undefined
      try {
        const { wait, ...answer } = await attempt(post, signal)
        asked = wait
        verdict = judgeStatus(answer.status) ?? judge(answer)
      } catch (error) {
        signal.throwIfAborted()
        // Not what `fetch` says of it: that can have the address in it.
        verdict = { reason: `not sent: ${fetchFailure(error)}`, again: true }
      }
      if (verdict === undefined) return
      // Full jitter, so that those who were refused together do not come back together.
      const wait = asked ?? Math.ceil(random() * FIRST_WAIT_MS * 2 ** tried)
      if (!verdict.again || tried === ATTEMPTS || wait > MAX_WAIT_MS)
        throw new Fault('failed', verdict.reason)
      await clock.sleep(wait, signal)
    }
  }
}

/** What holds for every service. */
function judgeStatus(status: number): Verdict {
  if (status >= 300 && status < 400) {
    return { reason: `it answered ${status}: redirects are not followed`, again: false }
  }
  if (status === 429 || status >= 500) return { reason: `it answered ${status}`, again: true }
  return undefined
}

/** @throws Fault `usage`, without the address */
function checkAddress(url: Secret): void {
  const parsed = URL.canParse(url.reveal()) ? new URL(url.reveal()) : undefined
  if (parsed?.protocol === 'https:') return
  if (parsed?.protocol === 'http:' && isLoopbackHost(parsed.hostname)) return
  throw new Fault('usage', 'its address is not one of https', { hint: 'http is for this machine alone' })
}

/** RFC 9110 §10.2.3: seconds, or a date. @returns milliseconds */
function retryAfter(text: string | null, now: number): number | undefined {
  if (text === null) return undefined
  const at = /^\d{1,9}$/.test(text) ? now + Number(text) * 1000 : Date.parse(text)
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}

async function beginning(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk)
    length += chunk.length
    if (length >= MAX_ANSWER) break
  }
  return Buffer.concat(chunks).toString('utf8', 0, MAX_ANSWER)
}
