/** `fob auth refresh`: renews the stored login before that is due. */
import { Fault } from '../../../contract/fault.ts'
import { credentialsExpired, isRenewable, renewCredential } from '../../../session/refresh-login.ts'
import { traced } from '../../../session/trace-requests-for-debug.ts'
import { nobodyHere, notLoggedIn } from '../../../session/session.ts'
import { openContext } from '../../client/command-context.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import type { Globals } from '../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Renew the login now',
    details: `Commands renew it by themselves when that is due. Where the server refused that, but did not say that the login is
over, this asks it once more.`,
    examples: ['fob auth refresh', 'fob auth refresh -s https://ci.example.com'],
  },
  args: {},
  run: ({ globals }, deps) => refresh({ globals }, deps),
})

interface RefreshOptions {
  globals: Globals
}

/** @throws Fault `unauthenticated` where nothing is stored, `credentials_expired` when the server refuses. */
async function refresh({ globals }: RefreshOptions, deps: Deps): Promise<void> {
  const context = await openContext(deps, globals)
  const { server, login } = await context.session()
  const { url } = server
  if (login === undefined) throw nobodyHere(server, await context.store.list())
  if (login.ended === true) throw credentialsExpired()
  const credential = await context.store.read(url, login.account)
  if (credential === undefined) throw notLoggedIn(url)
  if (!isRenewable(credential)) {
    throw new Fault('failed', `the login to ${url} cannot be renewed: it came without a refresh token`, {
      hint: `run fob auth login -s ${url}`,
    })
  }
  const fetch = traced(deps.fetch, context.debug)
  const world = { ...deps, fetch, store: context.store, warn: context.say }
  const renewed = await renewCredential(credential, world, { afterRefusal: true })
  const until = renewed.expiresAt === undefined ? '' : ` until ${new Date(renewed.expiresAt).toISOString()}`
  context.say(`Renewed the login to ${url}${until}`)
}
