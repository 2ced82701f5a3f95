import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import type { Redactor } from '../../../redact/redactor.ts'
import type { HostCalls } from '../host-calls.ts'

/** What a script sees as `http.request`: the request of the webhook that began its run. */
export interface HttpRequest {
  method: string
  path: string
  /** Of a name that stands there twice, the last value. */
  query: Record<string, string>
  /** Names in lower case. Nothing in them proves who sent it. */
  headers: Record<string, string>
  /** As text. */
  body: string
}

/** What a script gave to `http.respond`, without secrets. */
export interface HttpAnswer {
  status: number
  headers: Record<string, string>
  body: string
}

/** Who waits for what a script says to a webhook. */
export interface HttpExchange {
  /** Nobody may be waiting any more. */
  respond(answer: HttpAnswer): void
  /** The run has ended. */
  ended(): void
}

/** 1 MiB; as much as a whole pipeline. */
const MAX_BODY_BYTES = 1024 * 1024

/**
 * Names that an answer may have. All others have a meaning for browsers, proxies or fob itself, which is not for
 * a script to give.
 */
const HEADER = /^(?:content-type|content-language|retry-after|location|link|etag|x-[a-z0-9-]{1,60})$/
const OURS = /^x-(?:content-type-options|frame-options|request-id|fob-.*)$/
/** What a proxy before us would do: send a file of its machine (nginx, Apache, lighttpd, Caddy), ask another place. */
const FOR_PROXIES = /^x-(?:accel-.*|sendfile.*|lighttpd-.*|litespeed-.*|reproxy-.*)$/

const headerName = v.pipe(
  v.string(),
  v.toLowerCase(),
  v.check(
    (name) => HEADER.test(name) && !OURS.test(name) && !FOR_PROXIES.test(name),
    'is not a header that an answer can have',
  ),
)
const headerValue = v.pipe(
  v.string(),
  v.maxLength(4096, 'has over 4096 characters'),
  v.regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'has a character that no header can have'),
)
const answer = v.strictObject({
  status: v.optional(
    v.pipe(v.number(), v.integer(), v.minValue(200, 'is under 200'), v.maxValue(599, 'is over 599')),
    200,
  ),
  headers: v.optional(v.record(headerName, headerValue), {}),
  body: v.optional(
    v.pipe(
      v.string(),
      v.check((body) => Buffer.byteLength(body) <= MAX_BODY_BYTES, 'is larger than 1 MiB'),
    ),
    '',
  ),
})

export interface HttpCallsOptions {
  /** Undefined where no webhook began the run. */
  request: unknown
  /** Undefined where nobody waits: the run was taken up or resumed since. */
  exchange: HttpExchange | undefined
  redactor: Redactor
}

/** `http.respond`: once, and only where a webhook began the run. */
export function createHttpCalls({ request, exchange, redactor }: HttpCallsOptions): HostCalls {
  let isAnswered = false
  return {
    'http.respond': async (params) => {
      if (request === undefined) {
        throw new Fault('usage', 'http.respond: this run was not begun by a webhook')
      }
      if (isAnswered) throw new Fault('usage', 'http.respond: the request was answered already')
      const { status, headers, body } = parseAnswer(params)
      isAnswered = true
      const shown = Object.entries(headers).map(([name, value]) => [name, redactor.text(value)] as const)
      exchange?.respond({ status, headers: Object.fromEntries(shown), body: redactor.text(body) })
      return null
    },
  }
}

function parseAnswer(params: unknown): v.InferOutput<typeof answer> {
  const parsed = v.safeParse(answer, params)
  if (parsed.success) return parsed.output
  const [issue] = parsed.issues
  const field = v.getDotPath(issue) ?? 'its argument'
  const problem = issue.message.replace(/^Invalid .*$/s, 'has the wrong type')
  throw new Fault('usage', `http.respond: ${field.slice(0, 100)} ${problem}`)
}
