/** Messages to Slack: `chat.postMessage` of the Web API, once for each channel. */
import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import { Secret } from '../../../redact/secret.ts'
import { parse, plainText, secretText } from '../parse-host-call-fields.ts'
import type { ServiceResponse, Verdict } from './deliver-message.ts'
import type { Notifier } from './notifier-type.ts'

const API = 'https://slack.com/api'

const schema = v.strictObject({
  type: v.literal('slack'),
  token: secretText,
  channels: v.pipe(v.array(plainText), v.minLength(1, 'is empty'), v.maxLength(50, 'has over 50 entries')),
  /** Another API than Slack's own: GovSlack, or a proxy. */
  url: v.optional(plainText, API),
})

const response = v.looseObject({ ok: v.boolean(), error: v.optional(v.string()) })
/** Errors on Slack's side, "Errors" of docs.slack.dev/reference/methods/chat.postMessage. */
const TEMPORARY = new Set([
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
  'ratelimited',
])

/** @throws Fault `usage` for a config that is not valid */
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
          // The other channels get the message all the same.
          if (!(error instanceof Fault)) throw error
          failed.push(`${channel}: ${error.message}`)
        })
      }
      if (failed.length > 0) throw new Fault('failed', failed.join('; '))
    },
  }
}

/** The three characters with a meaning in Slack's text: a value cannot mention anybody, or disguise a link. */
function escape(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** Slack reports errors with status 200. */
function judge({ status, body }: ServiceResponse): Verdict {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), response), body)
  if (!parsed.success) return { reason: `it answered ${status}, and not as Slack does`, retry: false }
  const { ok, error = 'no reason given' } = parsed.output
  if (ok) return undefined
  return { reason: /^\w{1,64}$/.test(error) ? error : 'no reason given', retry: TEMPORARY.has(error) }
}
