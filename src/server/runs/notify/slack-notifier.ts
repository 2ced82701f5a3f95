import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import { Secret } from '../../../redact/secret.ts'
import { parse, plainText, secretText } from '../parse-fields.ts'
import type { Answer, Verdict } from './deliver-message.ts'
import type { Notifier } from './notify.ts'

const API = 'https://slack.com/api'

const schema = v.strictObject({
  type: v.literal('slack'),
  token: secretText,
  channels: v.pipe(v.array(plainText), v.minLength(1, 'is empty'), v.maxLength(50, 'has over 50 entries')),
  /** Another one than Slack's own: GovSlack, a proxy. */
  url: v.optional(plainText, API),
})

const answered = v.looseObject({ ok: v.boolean(), error: v.optional(v.string()) })
/** Errors of Slack's own making, "Errors" of docs.slack.dev/reference/methods/chat.postMessage. */
const PASSING = new Set([
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
  'ratelimited',
])

/** `chat.postMessage` of the Web API, once for each channel. */
export function readSlack(config: unknown): Notifier {
  const { token, channels, url } = parse(schema, config, 'its config.')
  const headers = { authorization: new Secret(`Bearer ${token.reveal().trim()}`) }
  const address = new Secret(`${url.replace(/\/+$/, '')}/chat.postMessage`)
  return {
    escape,
    async send({ text }, deliver) {
      const failed: string[] = []
      for (const channel of channels) {
        const body = { channel, text }
        await deliver({ url: address, method: 'POST', headers, body }, judge).catch((error: unknown) => {
          // The others are told all the same.
          if (!(error instanceof Fault)) throw error
          failed.push(`${channel}: ${error.message}`)
        })
      }
      if (failed.length > 0) throw new Fault('failed', failed.join('; '))
    },
  }
}

/** The three characters with a meaning in Slack's text: a value cannot mention anybody, or hide a link. */
function escape(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** An error comes with status 200. */
function judge({ status, body }: Answer): Verdict {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), answered), body)
  if (!parsed.success) return { reason: `it answered ${status}, and not as Slack does`, again: false }
  const { ok, error = 'no reason given' } = parsed.output
  if (ok) return undefined
  return { reason: /^\w{1,64}$/.test(error) ? error : 'no reason given', again: PASSING.has(error) }
}
