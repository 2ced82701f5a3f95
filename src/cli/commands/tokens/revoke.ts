/** `fob tokens revoke`: revokes a scoped token. */
import * as v from 'valibot'
import { openClient } from '../../client/command-context.ts'
import { findTokenId } from '../../client/find-by-id-prefix.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import type { Globals } from '../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Revoke a token',
    details: 'Every program that uses it is refused from then on.',
    examples: ['fob tokens revoke tok_019a…'],
  },
  args: {
    id: {
      type: 'positional',
      description: 'its ID, from fob tokens list, or the beginning of it',
      completes: 'token',
    },
  },
  run: ({ args, globals }, deps) => revokeToken({ globals, id: args.id }, deps),
})

interface RevokeTokenOptions {
  globals: Globals
  id: string
}

async function revokeToken({ globals, id: typed }: RevokeTokenOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const id = await findTokenId(client, typed)
  const path = `/api/auth/cli-tokens/${encodeURIComponent(id)}`
  await client.api.request({ method: 'DELETE', path, schema: v.unknown() })
  client.did({ id, revoked: true }, `Revoked ${id}`)
}
