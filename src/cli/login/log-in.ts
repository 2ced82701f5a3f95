/** One login: obtains a credential, checks it at the server, stores it, and revokes what it replaces. */
import { Fault } from '../../contract/fault.ts'
import { userLine } from '../../session/account-display-names.ts'
import type { ServerContext } from '../../session/api-client.ts'
import { completeLogin } from '../../session/complete-login.ts'
import { openToEveryone, strategyOf } from '../../session/find-login-strategy.ts'
import { resolveTenant } from '../../session/resolve-server-and-credential.ts'
import { type Context, openContext, serverContext } from '../client/command-context.ts'
import type { Deps } from '../deps.ts'
import type { Globals } from '../parsing/global-flags.ts'
import { isFlowMethod, type LoginMethod, methodFor } from './choose-login-method.ts'
import type { ProvidedCredential } from './read-provided-credential.ts'
import type { FlowResult } from './run-login-flow.ts'
import { sayCurrentServer, sayWhatWins, sayWhere, usedBefore } from './say-what-commands-use.ts'

export interface LoginOptions {
  globals: Globals
  method: LoginMethod
  clientId: string | undefined
  /** Empty: all that the server knows. */
  scopes: readonly string[]
  pushed: boolean
  dpop: boolean
  insecureStorage: boolean
  timeoutMs: number
}

type Obtained = ProvidedCredential | FlowResult

/** Obtains a credential, checks it, stores it, and says what came of it. @throws Fault what the method, the server or the store throws; nothing is stored then */
export async function logIn(options: LoginOptions, deps: Deps): Promise<void> {
  const context = await openContext(deps, options.globals)
  const server = await context.server()
  const method = methodFor(server, options.method)
  const tenant = namedTenant(options, deps, server.url)
  const obtain = await prepare({ ...options, method, server: server.url }, context, deps)
  const there = serverContext(deps, context, server.url)
  const strategy = await strategyOf(there)
  if (strategy === 'open') return context.say(openToEveryone(server.url))
  if (strategy === 'basic' && method.kind !== 'basic') throw basicServer(server.url)
  const before = await usedBefore(context)
  const fob = strategy !== undefined
  const obtained = await obtain({ isFob: fob })
  const { login, saved } = await concluded(obtained, () =>
    completeLogin({
      context: there,
      store: context.store,
      ...obtained,
      tenant,
      preferFile: options.insecureStorage,
    }),
  ).catch((error: unknown) => afterFailure(error, obtained, there, context.say))
  context.say(`Logged in to ${server.url} as ${userLine(login.user)}`)
  sayWhere(context, saved)
  sayWhatWins(context, deps)
  await sayCurrentServer(server.url, before, context)
  await finishOthers(context, deps)
  if (saved.replaced === undefined) return
  const { revokeReplaced } = await import('../../session/revoke-login.ts')
  const words = await revokeReplaced(saved.replaced, obtained.tokens, there, { fob })
  if (words !== undefined) context.say(words)
}

/** Does `complete`, and tells the tab of the browser that waits for the login, once, how it ended. */
async function concluded<T>(obtained: Obtained, complete: () => Promise<T>): Promise<T> {
  if (obtained.kind !== 'oauth') return complete()
  const completed = await complete().catch(async (error: unknown) => {
    const message = error instanceof Fault ? error.message : 'something failed'
    await obtained.conclude({ ok: false, message })
    throw error
  })
  await obtained.conclude({ ok: true })
  return completed
}

/** The server has issued tokens, and nothing here knows them any more. @throws what the login failed with */
async function afterFailure(
  error: unknown,
  obtained: Obtained,
  there: ServerContext,
  say: Context['say'],
): Promise<never> {
  if (obtained.kind === 'oauth') {
    const { revokeFailed } = await import('../../session/revoke-login.ts')
    const words = await revokeFailed(obtained, there)
    if (words !== undefined) say(words)
  }
  throw error
}

/** A credential that was provided is read now: one that cannot be valid is refused before anything is sent. */
async function prepare(
  { method, ...options }: LoginOptions & { server: string },
  context: Context,
  deps: Deps,
): Promise<(known: { isFob: boolean }) => Promise<Obtained>> {
  if (isFlowMethod(method)) {
    const { runLoginFlow } = await import('./run-login-flow.ts')
    return ({ isFob }) => runLoginFlow({ ...options, method, debug: context.debug, isFob }, deps)
  }
  if (method.kind === 'workload') {
    const { obtainByIdToken } = await import('./obtain-by-id-token.ts')
    return ({ isFob }) => obtainByIdToken({ ...options, ...method, debug: context.debug, isFob }, deps)
  }
  const { readProvidedCredential } = await import('./read-provided-credential.ts')
  const provided = await readProvidedCredential({ method, globals: options.globals, say: context.say }, deps)
  return async () => provided
}

/** Only a tenant that was named for this login is saved with it; the default of the settings is not. */
function namedTenant({ globals }: LoginOptions, { env }: Deps, server: string): string | undefined {
  return resolveTenant({ flag: globals.tenant, env, settings: {}, server, captured: undefined })
}

/** A login that was to be forgotten while the keychain could not be reached is, once it can be. */
async function finishOthers(context: Context, deps: Deps): Promise<void> {
  const unfinished = await context.store.list({ loggedOut: true })
  if (unfinished.every((login) => login.loggedOut !== true)) return
  const { finishLogouts } = await import('./log-out-stored-logins.ts')
  await finishLogouts(unfinished, context, deps)
}

function basicServer(server: string): Fault {
  const { protocol, host, pathname } = new URL(server)
  const path = pathname === '/' ? '' : pathname
  return new Fault('config', `${server} uses Basic authentication`, {
    hint: `name the user in the address to be asked for the password: -s ${protocol}//USER@${host}${path}`,
  })
}
