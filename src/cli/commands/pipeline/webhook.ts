/** `fob pipeline webhook`: lets a webhook start runs of a pipeline, or removes it. */
import * as v from 'valibot'
import { WEBHOOK_PROVIDERS, type WebhookProvider, webhookResponse } from '../../../contract/api/webhooks.ts'
import { Fault } from '../../../contract/fault.ts'
import { Secret } from '../../../redact/secret.ts'
import { type Client, openClient } from '../../client/command-context.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { readSecretFromStdin } from '../../input/read-secret.ts'
import { printRecord } from '../../output/print.ts'
import { alternatives } from '../../parsing/check-arguments.ts'
import type { Globals } from '../../parsing/global-flags.ts'

const MAX_SECRET_BYTES = 1024

export const command = defineCommand({
  meta: {
    description: 'Let a webhook start runs of a pipeline, or remove it',
    details: `Prints the address and the secret for the sender. The server creates the secret, unless you provide one, and shows
it only now. The script reads http.request, and can reply with http.respond.`,
    examples: [
      'fob pipeline webhook deploy --provider github',
      'printf %s "$TOKEN" | fob pipeline webhook deploy --provider gitlab --secret-stdin',
      'fob pipeline webhook deploy --off',
    ],
  },
  args: {
    provider: {
      type: 'enum',
      options: WEBHOOK_PROVIDERS,
      valueHint: 'PROVIDER',
      hint: 'to remove a webhook: --off',
      description: 'who sends: github, gitlab, or generic (signed as docs/signing.md says)',
    },
    'secret-stdin': {
      type: 'boolean',
      default: false,
      description: 'read the secret from standard input',
    },
    off: { type: 'boolean', default: false, description: 'remove the webhook and its secret' },
    name: { type: 'positional', description: 'the pipeline', completes: 'pipeline' },
  },
  run: async ({ args, globals }, deps) => {
    const { name, off, provider, 'secret-stdin': secretStdin } = args
    if (off && (provider !== undefined || secretStdin)) {
      throw new Fault('usage', '--off cannot be used together with another flag')
    }
    if (off) return removeWebhook({ globals, name }, deps)
    if (provider === undefined) {
      throw new Fault('usage', `say who sends: --provider ${alternatives(WEBHOOK_PROVIDERS)}`, {
        hint: 'to remove a webhook: --off',
      })
    }
    const question = { what: 'secret', instead: '--secret-stdin', limitBytes: MAX_SECRET_BYTES }
    const secret = secretStdin ? await readSecretFromStdin(deps, question) : undefined
    await setWebhook({ globals, name, provider, secret }, deps)
  },
})

interface SetWebhookOptions {
  globals: Globals
  name: string
  provider: WebhookProvider
  secret: Secret | undefined
}

async function setWebhook(options: SetWebhookOptions, deps: Deps): Promise<void> {
  const { globals, name, provider, secret } = options
  const client = await openClient(deps, globals)
  const webhook = await client.api.request({
    method: 'PUT',
    path: pathOf(name),
    body: { provider, ...(secret === undefined ? {} : { secret: secret.reveal() }) },
    secrets: secret === undefined ? [] : [secret],
    schema: webhookResponse,
  })
  client.say(`Webhooks (${webhook.provider}) start runs of ${name} now`)
  if (provider === 'github') client.say('In the form of the sender, choose content type: application/json')
  printWebhook(webhook, client, deps)
}

function printWebhook(webhook: v.InferOutput<typeof webhookResponse>, client: Client, { io }: Deps): void {
  const created = webhook.secret === undefined ? undefined : new Secret(webhook.secret)
  if (created !== undefined) client.say('The secret is shown now and never again')
  printRecord(io, client.format, webhook, [
    ['url', webhook.url],
    ...(created === undefined ? [] : [['secret', created.reveal()] as const]),
  ])
}

interface RemoveWebhookOptions {
  globals: Globals
  name: string
}

async function removeWebhook({ globals, name }: RemoveWebhookOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  await client.api.request({ method: 'DELETE', path: pathOf(name), schema: v.unknown() })
  client.say(`Webhooks no longer start runs of ${name}`)
}

function pathOf(name: string): string {
  return `/api/pipelines/${encodeURIComponent(name)}/webhook`
}
