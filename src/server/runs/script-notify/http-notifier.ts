/** Messages to any address that takes JSON: `{ message, pipeline, run_id }`. */
import * as v from 'valibot'
import { safeLine } from '../../../platform/terminal/make-text-printable.ts'
import { namedRecord } from '../../../contract/refuse-object-prototype-names.ts'
import { parse, secretText } from '../parse-host-call-fields.ts'
import type { ServiceResponse, Verdict } from './deliver-message.ts'
import type { Notifier } from './notifier-type.ts'

/** Headers that say how the request itself is sent. */
const RESERVED = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'upgrade',
  'expect',
  'te',
])

const headerName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}$/, 'is not a name for a header'),
  v.check((name) => !RESERVED.has(name.toLowerCase()), 'is a header that cannot be set'),
)
const headerValue = v.pipe(
  secretText,
  v.check((value) => !/[\r\n]/.test(value.reveal()), 'has more than one line'),
)

const schema = v.strictObject({
  type: v.literal('http'),
  url: secretText,
  method: v.optional(v.picklist(['POST', 'PUT', 'PATCH'], 'is not POST, PUT or PATCH'), 'POST'),
  headers: v.optional(namedRecord(headerName, headerValue), {}),
})

/** @throws Fault `usage` for a config that is not valid */
export function readHttp(config: unknown): Notifier {
  const { url, method, headers } = parse(schema, config, 'its config.')
  return {
    async send({ text, pipeline, runId }, deliver) {
      const body = { message: text, pipeline, run_id: runId }
      await deliver({ url, method, headers: lowerCase(headers), body }, judge)
    },
  }
}

/** In lower case, so that a content type that was given replaces the default one. */
function lowerCase<T>(headers: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

function judge({ status, body }: ServiceResponse): Verdict {
  if (status < 400) return undefined
  const words = safeLine(body, 200)
  return { reason: `it answered ${status}${words === '' ? '' : `: ${words}`}`, retry: false }
}
