/**
 * Owns: `notify.send`: a message, rendered from its template, to a service that people read. Secrets are resolved when
 * the message is sent; the configs of the script keep the placeholders.
 * Refuses: to send to an address that is neither on the internet nor allowed by the operator; to follow redirects; to
 * name an address in an error, as the addresses of webhooks are secrets themselves.
 */
import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Redactor } from '../../../redact/redactor.ts'
import type { CallContext, HostCalls } from '../host-call-type.ts'
import type { GuardedFetch } from '../../../guarded-fetch/request-checked-address.ts'
import type { Network } from '../../../guarded-fetch/allowed-networks.ts'
import { parse } from '../parse-host-call-fields.ts'
import { redactedFault } from '../fault-as-text.ts'
import { createDelivery } from './deliver-message.ts'
import { readHttp } from './http-notifier.ts'
import { readSlack } from './slack-notifier.ts'
import { readTeams } from './teams-notifier.ts'
import { render } from './message-template.ts'
import type { Notifier } from './notifier-type.ts'

interface NotifyCallsOptions {
  runId: string
  pipeline: string
  /** Turns `secret:` references into `Secret`s, which the redactor then knows. */
  resolve(value: unknown): Promise<unknown>
  redactor: Redactor
  clock: Clock
  network: Network
  guardedFetch: GuardedFetch
  /** Takes a line for the run's log, redacted. */
  warn(line: string): Promise<void>
  /** Starts work in the background; the end of the run waits for it. `work` never rejects. */
  background(work: (signal: AbortSignal) => Promise<void>): void
}

const TYPES: Readonly<Record<string, (config: unknown) => Notifier>> = {
  slack: readSlack,
  teams: readTeams,
  http: readHttp,
}
const MAX_MESSAGE = 20_000

const request = v.strictObject({
  config: v.looseObject({ type: v.string() }),
  name: v.pipe(v.string(), v.maxLength(200, 'has over 200 characters')),
  context: v.optional(v.record(v.string(), v.unknown()), {}),
  message: v.pipe(v.string(), v.nonEmpty('is empty')),
  async: v.optional(v.boolean(), false),
})
type Asked = v.InferOutput<typeof request>

export function createNotifyCalls(options: NotifyCallsOptions): HostCalls {
  const { runId, pipeline, redactor } = options
  const deliver = createDelivery(options)

  /** @param resolved the config of the message, with its secrets */
  async function send(
    { config, context, message }: Asked,
    resolved: unknown,
    signal: AbortSignal,
  ): Promise<void> {
    const read = Object.hasOwn(TYPES, config.type) ? TYPES[config.type] : undefined
    if (!read) {
      throw new Fault('usage', `there is no type ${JSON.stringify(config.type.slice(0, 100))}`, {
        hint: `there are ${Object.keys(TYPES).join(', ')}`,
      })
    }
    const notifier = read(resolved)
    const scope = { pipeline, runID: runId, status: 'running', ...context }
    const text = redactor.text(await render(message, scope, notifier.escape))
    if (text.length > MAX_MESSAGE) throw new Fault('usage', `the message has over ${MAX_MESSAGE} characters`)
    await notifier.send({ text, pipeline, runId }, (post, judge) => deliver(post, judge, signal))
  }

  async function sendInBackground(asked: Asked, resolved: unknown, signal: AbortSignal): Promise<void> {
    try {
      await send(asked, resolved, signal)
    } catch (error) {
      if (signal.aborted) return
      const fault = redactedFault(titleOf(asked), error, redactor)
      const reason = fault instanceof Fault ? fault.message : `${titleOf(asked)}: it failed`
      // Where the log cannot be written, the run fails by itself.
      await options.warn(redactor.text(`${reason}\n`)).catch(() => {})
    }
  }

  return {
    'notify.send': async (input: unknown, { signal }: CallContext) => {
      const asked = parse(request, input, 'notify.send')
      try {
        // Before anything else, and for a message in the background too: a secret that is not set fails the call.
        const resolved = await options.resolve(asked.config)
        if (asked.async) options.background((signal) => sendInBackground(asked, resolved, signal))
        else await send(asked, resolved, signal)
      } catch (error) {
        throw redactedFault(titleOf(asked), error, redactor)
      }
      return {}
    },
  }
}

function titleOf({ name }: { name: string }): string {
  return `notify ${JSON.stringify(name)}`
}
