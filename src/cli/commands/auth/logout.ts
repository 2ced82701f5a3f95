import { Fault } from '../../../contract/fault.ts'
import { KEYCHAIN_REASONS } from '../../../platform/keychain.ts'
import type { Credential } from '../../../store/store.ts'
import { type Context, openContext, serverContext } from '../../client.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import type { Globals } from '../../globals.ts'

export const command = defineCommand({
  summary: 'Revoke and forget a login',
  description: 'Your settings stay. What the server cannot be told is still deleted here.',
  examples: ['fob auth logout', 'fob auth logout -s https://ci.example.com', 'fob auth logout --all'],
  flags: { all: { type: 'boolean', description: 'every stored login' } },
  positionals: {},
  run: ({ flags, globals }, deps) => logout({ globals, all: flags.all }, deps),
})

export interface LogoutOptions {
  globals: Globals
  all: boolean
}

/**
 * Revokes at the server where that is possible, then deletes from keychain and file whatever became of it
 * (R12, S235). Not being logged in is no error: any state can be left this way (S114).
 */
export async function logout({ globals, all }: LogoutOptions, deps: Deps): Promise<void> {
  const context = await openContext(deps, globals)
  const servers = all
    ? (await context.store.list()).map((login) => login.server)
    : [(await context.server()).url]
  if (servers.length === 0) context.say('no login is stored')
  for (const server of servers) await logoutFrom(server, context, deps)
  deps.signal.throwIfAborted()
}

async function logoutFrom(server: string, context: Context, deps: Deps): Promise<void> {
  const credential = await readQuietly(server, context)
  const problem = credential === undefined ? undefined : await revoke(credential, context, deps)
  const removed = await context.store.remove(server)
  if (!removed.found) return context.say(`not logged in to ${server}`)
  context.say(`Logged out of ${server}`)
  if (problem !== undefined) {
    context.say(`warning: the server may still accept the token, ${problem}; here it is deleted`)
  }
  if (removed.keychainFailure !== undefined) {
    const why = KEYCHAIN_REASONS[removed.keychainFailure]
    context.say(`warning: the secret could not be deleted from the keychain, ${why}`)
  }
}

/** A credential that the keychain does not give cannot be revoked, but its login can be forgotten. */
async function readQuietly(server: string, { store, say }: Context): Promise<Credential | undefined> {
  try {
    return await store.read(server)
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'unauthenticated') throw error
    say(`warning: ${error.message}`)
    return undefined
  }
}

/** Why the server could not be told, or undefined when it was. */
async function revoke(credential: Credential, context: Context, deps: Deps): Promise<string | undefined> {
  const { oauth, token, refreshToken } = credential
  const revocationEndpoint = oauth?.revocationEndpoint
  if (oauth === undefined) return endToken(credential, context, deps)
  if (revocationEndpoint === undefined) return 'it has no way to revoke one'
  const { revokeToken } = await import('../../../flows/revoke.ts')
  const request = { issuer: oauth.issuer, revocationEndpoint, clientId: oauth.clientId }
  try {
    // The refresh token first: it is the one that lives long.
    if (refreshToken !== undefined)
      await revokeToken({ ...request, token: refreshToken, kind: 'refresh_token' }, deps)
    await revokeToken({ ...request, token, kind: 'access_token' }, deps)
    return undefined
  } catch (error) {
    return error instanceof Fault ? error.message : 'it could not be told'
  }
}

/** A token that was handed to us: one of ours has an API to end it with. */
async function endToken(
  { server, token }: Credential,
  context: Context,
  deps: Deps,
): Promise<string | undefined> {
  const { endScopedToken, isScopedToken } = await import('../../../session/end-token.ts')
  if (!isScopedToken(token)) return 'revoke it there where it was made'
  try {
    await endScopedToken(serverContext(deps, context, server), token)
    return undefined
  } catch (error) {
    // What the server does not accept any more has ended already.
    if (error instanceof Fault && error.code === 'unauthenticated' && error.hint === undefined)
      return undefined
    return error instanceof Fault ? error.message : 'it could not be told'
  }
}
