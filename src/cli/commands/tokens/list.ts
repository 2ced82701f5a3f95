/** `fob tokens list`: lists the scoped tokens of the user. */
import { type TokenResponse, tokenResponse } from '../../../contract/api/tokens.ts'
import { openClient } from '../../client/command-context.ts'
import { fetchAll } from '../../client/fetch-all-pages.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { printList, sayIfNone } from '../../output/print.ts'
import { type Times, timesFor } from '../../output/format-times.ts'
import type { Globals } from '../../parsing/global-flags.ts'
import { LIMIT_FLAG, parseLimit } from '../../parsing/limit-flag.ts'

const STATES = ['active', 'expired'] as const

export const command = defineCommand({
  meta: {
    description: 'List your tokens',
    details: 'The values of tokens are not stored anywhere, so they cannot be shown.',
    examples: ['fob tokens list', 'fob tokens list --pipeline deploy', 'fob tokens list -o json'],
  },
  args: {
    pipeline: {
      type: 'string',
      alias: 'p',
      valueHint: 'NAME',
      description: 'only tokens that reach this pipeline',
      completes: 'pipeline',
    },
    status: {
      type: 'enum',
      options: STATES,
      valueHint: 'STATUS',
      description: 'only tokens that are active, or expired',
    },
    ...LIMIT_FLAG,
  },
  run: ({ args, globals }, deps) =>
    listTokens(
      { globals, pipeline: args.pipeline, status: args.status, limit: parseLimit(args.limit) },
      deps,
    ),
})

interface ListTokensOptions {
  globals: Globals
  pipeline: string | undefined
  status: (typeof STATES)[number] | undefined
  limit: number | undefined
}

async function listTokens({ globals, limit, ...wanted }: ListTokensOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const tokens = await fetchAll(client.api, '/api/auth/cli-tokens', tokenResponse, {
    limit,
    keep: (token) => isWanted(token, wanted),
  })
  sayIfNone(client, tokens, 'tokens')
  const times = timesFor(client, deps)
  printList(deps.io, client.format, tokens, [
    { title: 'id', cell: (token) => token.id },
    { title: 'name', cell: (token) => token.name },
    { title: 'scopes', cell: (token) => token.scopes.join(' ') },
    { title: 'pipelines', cell: pipelinesText },
    { title: 'signed', cell: (token) => (token.requireSignature ? 'required' : '-') },
    { title: 'expires', cell: (token) => expiryText(token, times) },
    {
      title: 'last used',
      cell: ({ lastUsedAt }) => (lastUsedAt === null ? 'never' : times.short(lastUsedAt)),
    },
  ])
}

function isWanted(
  token: TokenResponse,
  { pipeline, status }: Pick<ListTokensOptions, 'pipeline' | 'status'>,
): boolean {
  const reaches = pipeline === undefined || token.allPipelines || token.pipelines.includes(pipeline)
  return reaches && (status === undefined || token.expired === (status === 'expired'))
}

function expiryText({ expired, expiresAt }: TokenResponse, times: Times): string {
  if (expired) return 'expired'
  return expiresAt === null ? 'never' : times.short(expiresAt)
}

function pipelinesText({ allPipelines, pipelines }: TokenResponse): string {
  if (allPipelines) return 'all'
  return pipelines.length === 0 ? '-' : pipelines.join(' ')
}
