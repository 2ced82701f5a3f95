/** `fob auth token`: prints the access token, refreshed where that is due. */
import { nobodyHere } from '../../../session/session.ts'
import { openContext } from '../../client/command-context.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import type { Globals } from '../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Print the access token',
    details:
      'Prints the token and nothing else, refreshed where that is due. Without a refresh, nothing is sent.',
    examples: ['curl -H "Authorization: Bearer $(fob auth token)" https://ci.example.com/api/pipelines'],
  },
  args: {},
  run: ({ globals }, deps) => printToken({ globals }, deps),
})

const BOUND =
  'note: this token is bound to a key of this login (DPoP): commands of fob can use it, curl and other programs cannot'

interface PrintTokenOptions {
  globals: Globals
}

/** @throws Fault `unauthenticated` where there is none, `credentials_expired` where it has run out. */
async function printToken({ globals }: PrintTokenOptions, deps: Deps): Promise<void> {
  const context = await openContext(deps, globals)
  const session = await context.session()
  const token = await session.bearer()
  if (token === undefined) throw nobodyHere(session.server, await context.store.list())
  if (session.presented.kind === 'stored' && session.login?.oauth?.dpop === true) context.say(BOUND)
  deps.io.stdout.write(`${token.reveal()}\n`)
}
