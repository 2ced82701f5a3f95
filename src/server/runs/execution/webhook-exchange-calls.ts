/** A webhook's request and the script's response to it: `http.request` and `http.respond`. */
import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import type { Redactor } from '../../../redact/redactor.ts'
import type { HostCalls } from '../host-call-type.ts'

/** What a script sees as `http.request`: the request of the webhook that started its run. */
export interface HttpRequest {
  method: string
  path: string
  /** Of a name that occurs twice, the last value. */
  query: Record<string, string>
  /** Names in lower case. Nothing in them proves who sent it. */
  headers: Record<string, string>
  /** As text. */
  body: string
}

/** What a script gave to `http.respond`, redacted. */
export interface HttpResponse {
  status: number
  headers: Record<string, string>
  body: string
}

/** Where the sender of a webhook waits for the response of the script. */
export interface HttpExchange {
  /** Does nothing when nobody waits any more. */
  respond(response: HttpResponse): void
  /** The run has ended. */
  ended(): void
}

/** As much as the source of a whole pipeline. */
const MAX_BODY_BYTES = 1024 * 1024

/**
 * The headers that a response may have. All others have a meaning for browsers, proxies or fob itself, and a script
 * must not set them.
 */
const HEADER = /^(?:content-type|content-language|retry-after|location|link|etag|x-[a-z0-9-]{1,60})$/
const OURS = /^x-(?:content-type-options|frame-options|request-id|fob-.*)$/
/** Commands to a proxy in front of the server: send a file of its machine, ask another address (nginx, Apache, lighttpd). */
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
const response = v.strictObject({
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

interface HttpCallsOptions {
  /** Undefined where no webhook started the run. */
  request: unknown
  /** Undefined where nobody waits: the run was continued by another server, or resumed. */
  exchange: HttpExchange | undefined
  redactor: Redactor
}

/** `http.respond`: once, and only where a webhook started the run. */
export function createHttpCalls({ request, exchange, redactor }: HttpCallsOptions): HostCalls {
  let hasResponded = false
  return {
    'http.respond': async (params) => {
      if (request === undefined) {
        throw new Fault('usage', 'http.respond: this run was not begun by a webhook')
      }
      if (hasResponded) throw new Fault('usage', 'http.respond: the request was answered already')
      const { status, headers, body } = parseResponse(params)
      hasResponded = true
      const redacted = Object.entries(headers).map(([name, value]) => [name, redactor.text(value)] as const)
      exchange?.respond({ status, headers: Object.fromEntries(redacted), body: redactor.text(body) })
      return null
    },
  }
}

function parseResponse(params: unknown): v.InferOutput<typeof response> {
  const parsed = v.safeParse(response, params)
  if (parsed.success) return parsed.output
  const [issue] = parsed.issues
  const field = v.getDotPath(issue) ?? 'its argument'
  const problem = issue.message.replace(/^Invalid .*$/s, 'has the wrong type')
  throw new Fault('usage', `http.respond: ${field.slice(0, 100)} ${problem}`)
}
