/** `fob tokens list`: lists the scoped tokens of the user. */
import { type TokenResponse, tokenResponse } from '../../../contract/api/tokens.ts'
import { openClient } from '../../client/command-context.ts'
import { fetchAll } from '../../client/fetch-all-pages.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { printList, sayIfNone } from '../../output/print.ts'
import type { Globals } from '../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'List your tokens',
    details: 'The values of tokens are not stored anywhere, so they cannot be shown.',
    examples: ['fob tokens list', 'fob tokens list -o json'],
  },
  args: {},
  run: ({ globals }, deps) => listTokens({ globals }, deps),
})

interface ListTokensOptions {
  globals: Globals
}

async function listTokens({ globals }: ListTokensOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const tokens = await fetchAll(client.api, '/api/auth/cli-tokens', tokenResponse)
  sayIfNone(client, tokens, 'tokens')
  printList(deps.io, client.format, tokens, [
    { title: 'id', cell: (token) => token.id },
    { title: 'name', cell: (token) => token.name },
    { title: 'scopes', cell: (token) => token.scopes.join(' ') },
    { title: 'pipelines', cell: pipelinesText },
    { title: 'signed', cell: (token) => (token.requireSignature ? 'required' : '-') },
    { title: 'expires', cell: (token) => (token.expired ? 'expired' : (token.expiresAt ?? 'never')) },
    { title: 'last used', cell: (token) => token.lastUsedAt ?? 'never' },
  ])
}

function pipelinesText({ allPipelines, pipelines }: TokenResponse): string {
  if (allPipelines) return 'all'
  return pipelines.length === 0 ? '-' : pipelines.join(' ')
}
