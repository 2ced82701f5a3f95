import * as v from 'valibot'
import { safeLine } from '../../../platform/terminal/printable-text.ts'
import { namedRecord } from '../../../contract/reserved-names.ts'
import { parse, secretText } from '../parse-fields.ts'
import type { Answer, Verdict } from './deliver-message.ts'
import type { Notifier } from './notify.ts'

/** Those that say how the request itself is sent. */
const OURS = new Set(['host', 'content-length', 'transfer-encoding', 'connection', 'upgrade', 'expect', 'te'])

const headerName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}$/, 'is not a name for a header'),
  v.check((name) => !OURS.has(name.toLowerCase()), 'is a header that cannot be set'),
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

/** Any address that takes JSON: `{ message, pipeline, run_id }`. */
export function readHttp(config: unknown): Notifier {
  const { url, method, headers } = parse(schema, config, 'its config.')
  return {
    async send({ text, pipeline, runId }, deliver) {
      const body = { message: text, pipeline, run_id: runId }
      await deliver({ url, method, headers: lowerCase(headers), body }, judge)
    },
  }
}

/** So that a content type that was given is the only one. */
function lowerCase<T>(headers: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

function judge({ status, body }: Answer): Verdict {
  if (status < 400) return undefined
  const words = safeLine(body, 200)
  return { reason: `it answered ${status}${words === '' ? '' : `: ${words}`}`, again: false }
}
