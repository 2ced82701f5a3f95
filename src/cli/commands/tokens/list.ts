import { type TokenResponse, tokenResponse } from '../../../contract/api/tokens.ts'
import { openClient } from '../../client/client.ts'
import { defineCommand } from '../../command.ts'
import { fetchAll } from '../../client/fetch-all-pages.ts'
import { printList, sayIfNone } from '../../output/print.ts'

export const command = defineCommand({
  summary: 'List your tokens',
  description: 'Their values are not kept anywhere, so they are not shown.',
  examples: ['fob tokens list', 'fob tokens list -o json'],
  flags: {},
  positionals: {},
  async run({ globals }, deps) {
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
  },
})

function pipelinesText({ allPipelines, pipelines }: TokenResponse): string {
  if (allPipelines) return 'all'
  return pipelines.length === 0 ? '-' : pipelines.join(' ')
}
