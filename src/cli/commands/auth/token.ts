import { nobodyHere } from '../../../session/session.ts'
import { openContext } from '../../client/client.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import type { Globals } from '../../parsing/global-flags.ts'

export const command = defineCommand({
  summary: 'Print the access token',
  description: 'The token alone, refreshed if need be. Without a refresh nothing is sent.',
  examples: ['curl -H "Authorization: Bearer $(fob auth token)" https://ci.example.com/api/pipelines'],
  flags: {},
  positionals: {},
  run: ({ globals }, deps) => printToken(globals, deps),
})

/** @throws Fault `unauthenticated` where there is none, `credentials_expired` where it has run out. */
export async function printToken(globals: Globals, deps: Deps): Promise<void> {
  const context = await openContext(deps, globals)
  const session = await context.session()
  const token = await session.bearer()
  if (token === undefined) throw nobodyHere(session.server, await context.store.list())
  deps.io.stdout.write(`${token.reveal()}\n`)
}
