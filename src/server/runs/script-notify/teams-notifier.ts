/** Messages to Microsoft Teams: one Adaptive Card to a webhook. */
import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import { parse, secretText } from '../parse-host-call-fields.ts'
import type { ServiceResponse, Verdict } from './deliver-message.ts'
import type { Notifier } from './notifier-type.ts'

const schema = v.strictObject({ type: v.literal('teams'), webhook: secretText })

/** The largest message that a webhook takes: learn.microsoft.com, "Create an Incoming Webhook", message size limit. */
const MAX_BYTES = 28 * 1024

/** A webhook of the Workflows app ("When a Teams webhook request is received"), or an older incoming one. */
export function readTeams(config: unknown): Notifier {
  const { webhook } = parse(schema, config, 'its config.')
  return {
    escape,
    async send({ text }, deliver) {
      const body = card(text)
      if (Buffer.byteLength(JSON.stringify(body)) > MAX_BYTES) {
        throw new Fault('usage', 'the message is too long for Teams, which takes 28 KiB')
      }
      await deliver({ url: webhook, method: 'POST', headers: {}, body }, judge)
    },
  }
}

/** A message with one Adaptive Card, the only form that Workflows takes. */
function card(text: string) {
  const content = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    body: [{ type: 'TextBlock', text, wrap: true }],
  }
  const contentType = 'application/vnd.microsoft.card.adaptive'
  return { type: 'message', attachments: [{ contentType, contentUrl: null, content }] }
}

/** A value cannot make a link or a mention of the card's Markdown. */
function escape(value: string): string {
  return value.replace(/[\\`*_[\]<>]/g, (character) => `\\${character}`)
}

/** The older kind responds with status 200 also where the message did not arrive, and says so in the body. */
function judge({ status, body }: ServiceResponse): Verdict {
  if (status >= 400) return { reason: `it answered ${status}`, retry: false }
  const failed = /delivery failed with error/i.test(body)
  return failed
    ? { reason: 'it answered that delivery failed', retry: /error 429|error 5\d\d/i.test(body) }
    : undefined
}
