import * as v from 'valibot'
import { WEBHOOK_PROVIDERS, type WebhookProvider, webhookResponse } from '../../../contract/api/webhooks.ts'
import { Fault } from '../../../contract/fault.ts'
import { Secret } from '../../../redact/secret.ts'
import { type Client, openClient } from '../../client/client.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { printRecord } from '../../output/print.ts'
import { readSecretFromStdin } from '../../input/read-secret.ts'

const MAX_SECRET_BYTES = 1024

export const command = defineCommand({
  summary: 'Let a webhook begin runs of a pipeline, or no longer',
  description:
    'Prints the address and the secret for the sender. The server makes the secret, unless it is given one, and\n' +
    'shows it this once. The script reads http.request, and may answer with http.respond.',
  examples: [
    'fob pipeline webhook deploy --provider github',
    'printf %s "$TOKEN" | fob pipeline webhook deploy --provider gitlab --secret-stdin',
    'fob pipeline webhook deploy --off',
  ],
  flags: {
    provider: {
      type: 'string',
      value: 'PROVIDER',
      completes: WEBHOOK_PROVIDERS,
      description: 'who sends: github, gitlab, or generic (signed as docs/signing.md says)',
    },
    'secret-stdin': { type: 'boolean', description: 'read the secret from standard input' },
    off: { type: 'boolean', description: 'remove the webhook and its secret' },
  },
  positionals: { name: { arity: 'required', description: 'the pipeline', completes: 'pipeline' } },
  async run({ flags, positionals: { name }, globals }, deps) {
    const provider = readProvider(flags)
    const question = { what: 'secret', instead: '--secret-stdin', limitBytes: MAX_SECRET_BYTES }
    const secret = flags['secret-stdin'] ? await readSecretFromStdin(deps, question) : undefined
    const client = await openClient(deps, globals)
    if (provider === undefined) return removeWebhook(name, client)
    await setWebhook({ name, provider, secret }, client, deps)
  },
})

/**
 * Undefined where it is to go.
 * @throws Fault `usage`
 */
function readProvider(flags: {
  provider: string | undefined
  'secret-stdin': boolean
  off: boolean
}): WebhookProvider | undefined {
  if (flags.off && flags.provider === undefined && !flags['secret-stdin']) return undefined
  if (flags.off) throw new Fault('usage', '--off goes with no other flag')
  const provider = WEBHOOK_PROVIDERS.find((known) => known === flags.provider)
  if (provider !== undefined) return provider
  throw new Fault('usage', '--provider is github, gitlab or generic', {
    hint: 'to remove a webhook: --off',
  })
}

export interface SetWebhook {
  name: string
  provider: WebhookProvider
  secret: Secret | undefined
}

async function setWebhook(
  { name, provider, secret }: SetWebhook,
  client: Client,
  { io }: Deps,
): Promise<void> {
  const answer = await client.api.request({
    method: 'PUT',
    path: pathOf(name),
    body: { provider, ...(secret === undefined ? {} : { secret: secret.reveal() }) },
    secrets: secret === undefined ? [] : [secret],
    schema: webhookResponse,
  })
  client.say(`Runs of ${name} begin with webhooks (${answer.provider})`)
  const made = answer.secret === undefined ? undefined : new Secret(answer.secret)
  if (made !== undefined) client.say('The secret is shown now and never again')
  printRecord(io, client.format, answer, [
    ['url', answer.url],
    ...(made === undefined ? [] : [['secret', made.reveal()] as const]),
  ])
}

async function removeWebhook(name: string, client: Client): Promise<void> {
  await client.api.request({ method: 'DELETE', path: pathOf(name), schema: v.unknown() })
  client.say(`No webhook begins runs of ${name} any more`)
}

function pathOf(name: string): string {
  return `/api/pipelines/${encodeURIComponent(name)}/webhook`
}
