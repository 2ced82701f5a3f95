/** `fob auth login`: obtains a credential, checks it at the server and stores it. */
import { Fault } from '../../../contract/fault.ts'
import { ALL_SCOPES } from '../../../contract/token-scopes.ts'
import { printable } from '../../../platform/terminal/make-text-printable.ts'
import { userLine } from '../../../session/account-display-names.ts'
import type { ServerContext } from '../../../session/api-client.ts'
import { completeLogin } from '../../../session/complete-login.ts'
import { strategyOf } from '../../../session/find-login-strategy.ts'
import { fallbackWarning } from '../../../session/keychain-fallback-warning.ts'
import { resolveTenant, type ServerChoice } from '../../../session/resolve-server-and-credential.ts'
import type { Saved } from '../../../store/store-interface.ts'
import { type Context, openContext, serverContext } from '../../client/command-context.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { chooseMethod, isFlowMethod, type LoginMethod, methodFor } from '../../login/choose-login-method.ts'
import type { ProvidedCredential } from '../../login/read-provided-credential.ts'
import type { FlowResult } from '../../login/run-login-flow.ts'
import { parseTimeout } from '../../parsing/duration-flags.ts'
import type { Globals } from '../../parsing/global-flags.ts'

const DEFAULT_TIMEOUT = '5m'
/** A device code has an end of its own, and the person may be on the way to another machine. */
const DEVICE_TIMEOUT = '24h'

export const command = defineCommand({
  meta: {
    description: 'Log in to a server',
    details: `Opens the browser, where you approve the request. Without a browser on this machine, use --no-browser and paste a
code, or --device and type one. To store a token that you already have, use --token-stdin; with --jwt-token, the form
and the expiry of the token are checked first. Every credential is tried at the server before it is stored; one that
the server refuses changes nothing. It is stored in the keychain, or in a file that only you can read. Works with any
OAuth server; at a fob server, the login that it replaces is revoked. Commands use the server of the last login, unless
config.toml, a project's .fob.toml or FOB_SERVER names another.`,
    examples: [
      'fob auth login -s https://ci.example.com',
      'fob auth login --tenant acme --timeout 10m',
      'fob auth login --no-browser                         # the browser is on another machine',
      'fob auth login --device                             # approve on a phone; needs no terminal here',
      'printenv TOKEN | fob auth login --token-stdin -s https://ci.example.com',
      'fob auth login --jwt-token eyJ…                     # stored, not just used for one call',
      'fob auth login -s https://ada@ci.example.com        # Basic authentication; asks for the password',
      'fob auth login -s https://id.example.com --client-id my-client --scope openid --scope email',
    ],
  },
  args: {
    browser: {
      type: 'boolean',
      default: true,
      description: 'open the browser of this machine',
      negativeDescription: 'show the address, and read the code that you paste',
    },
    oob: {
      type: 'boolean',
      default: false,
      description: 'the server shows the code itself (urn:ietf:wg:oauth:2.0:oob); implies --no-browser',
    },
    device: {
      type: 'boolean',
      default: false,
      description: 'show a short code to approve on any machine (RFC 8628)',
    },
    'token-stdin': {
      type: 'boolean',
      default: false,
      description: 'store the token on standard input',
    },
    'with-token': {
      type: 'string',
      valueHint: 'TOKEN',
      description: 'store this token (it stays in the shell history: better --token-stdin)',
    },
    'client-id': {
      type: 'string',
      valueHint: 'ID',
      description: 'the OAuth client to log in as (FOB_CLIENT_ID)',
    },
    scope: {
      type: 'string',
      repeatable: true,
      valueHint: 'SCOPE',
      description: 'ask for this permission only',
      completes: ALL_SCOPES,
    },
    par: {
      type: 'boolean',
      default: false,
      description:
        'send the authorization request to the server first (RFC 9126), also where it does not require that',
    },
    dpop: {
      type: 'boolean',
      default: false,
      description:
        'bind the tokens to a key of this login (RFC 9449), also where the server does not require that',
    },
    'insecure-storage': {
      type: 'boolean',
      default: false,
      description: 'store in the file, not in the keychain',
    },
    timeout: {
      type: 'string',
      valueHint: 'TIME',
      description: `how long to wait (default ${DEFAULT_TIMEOUT}; with --device, until the code expires)`,
    },
  },
  run: async ({ args, globals }, deps) => {
    const method = chooseMethod(args, globals)
    const timeout = args.timeout ?? (method.kind === 'device' ? DEVICE_TIMEOUT : DEFAULT_TIMEOUT)
    const options = {
      globals,
      method,
      clientId: args['client-id'],
      scopes: args.scope,
      pushed: args.par,
      dpop: args.dpop,
      insecureStorage: args['insecure-storage'],
      timeoutMs: parseTimeout(timeout, '--timeout'),
    }
    await login(options, deps)
  },
})

interface LoginOptions {
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

/** @throws Fault what the method, the server or the store throws; nothing is stored then */
async function login(options: LoginOptions, deps: Deps): Promise<void> {
  const context = await openContext(deps, options.globals)
  const server = await context.server()
  const method = methodFor(server, options.method)
  const tenant = namedTenant(options, deps, server.url)
  const obtain = await prepare({ ...options, method, server: server.url }, context, deps)
  const there = serverContext(deps, context, server.url)
  const strategy = await strategyOf(there)
  if (strategy === 'open') return context.say(`${server.url} is open to everyone: no login is needed`)
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
  const { revokeReplaced } = await import('../../../session/revoke-login.ts')
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
    const { revokeFailed } = await import('../../../session/revoke-login.ts')
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
    const { runLoginFlow } = await import('../../login/run-login-flow.ts')
    return ({ isFob }) => runLoginFlow({ ...options, method, debug: context.debug, isFob }, deps)
  }
  const { readProvidedCredential } = await import('../../login/read-provided-credential.ts')
  const provided = await readProvidedCredential({ method, globals: options.globals, say: context.say }, deps)
  return async () => provided
}

/** Only a tenant that was named for this login is saved with it; the default of the settings is not. */
function namedTenant({ globals }: LoginOptions, { env }: Deps, server: string): string | undefined {
  return resolveTenant({ flag: globals.tenant, env, settings: {}, server, captured: undefined })
}

function sayWhere(context: Context, saved: Saved): void {
  const warning = fallbackWarning(saved, context.store.path)
  if (warning !== undefined) return context.say(warning)
  const where = saved.storage === 'keychain' ? 'the keychain' : `${context.store.path}, readable only by you`
  context.say(`The credential is stored in ${where}`)
}

/** Notes a variable that commands use instead of this login. */
function sayWhatWins(context: Context, { env }: Deps): void {
  const name = ['FOB_TOKEN', 'FOB_JWT_TOKEN', 'CI_AUTH_TOKEN'].find((variable) => env[variable])
  if (name !== undefined) context.say(`note: ${name} is set, and commands use it instead of this login`)
}

/** A login that was to be forgotten while the keychain could not be reached is, once it can be. */
async function finishOthers(context: Context, deps: Deps): Promise<void> {
  const unfinished = await context.store.list({ loggedOut: true })
  if (unfinished.every((login) => login.loggedOut !== true)) return
  const { finishLogouts } = await import('../../login/log-out-stored-logins.ts')
  await finishLogouts(unfinished, context, deps)
}

/** The server that commands without --server used until now; undefined where no login is stored there. */
async function usedBefore(context: Context): Promise<string | undefined> {
  const used = await withoutFlag(context)
  const isStored = (await context.store.list()).some((login) => login.server === used?.url)
  return isStored ? used?.url : undefined
}

/** The server of commands without --server; undefined where what names it is not valid. */
async function withoutFlag(context: Context): Promise<ServerChoice | undefined> {
  try {
    return await context.server({ server: undefined })
  } catch (error) {
    if (error instanceof Fault && error.code === 'usage') return undefined
    throw error
  }
}

/** Says that commands use this server from now on and how to go back, or what makes them use another. */
async function sayCurrentServer(server: string, before: string | undefined, context: Context): Promise<void> {
  const used = await withoutFlag(context)
  if (used === undefined) return
  if (used.url !== server) {
    const way = used.source === 'config.toml' ? `fob auth switch ${server}` : `-s ${server}`
    const here = `commands here use ${used.url}, which ${printable(used.source)} names`
    return context.say(`note: ${here}; to use this login: ${way}`)
  }
  if (before === server || (await context.store.list()).every((login) => login.server === server)) return
  const back =
    before === undefined ? 'fob auth switch chooses another' : `to go back: fob auth switch ${before}`
  context.say(`Commands use ${server} from now on; ${back}`)
}

function basicServer(server: string): Fault {
  const { protocol, host, pathname } = new URL(server)
  const path = pathname === '/' ? '' : pathname
  return new Fault('config', `${server} uses Basic authentication`, {
    hint: `name the user in the address to be asked for the password: -s ${protocol}//USER@${host}${path}`,
  })
}
