import { Fault } from '../../../contract/fault.ts'
import { ALL_SCOPES } from '../../../contract/token-scopes.ts'
import { userLine } from '../../../session/account-names.ts'
import { completeLogin } from '../../../session/complete-login.ts'
import { strategyOf } from '../../../session/server-strategy.ts'
import { fallbackWarning } from '../../../session/keychain-fallback-warning.ts'
import { resolveTenant } from '../../../session/resolve-server-and-credential.ts'
import type { Saved } from '../../../store/store.ts'
import { type Context, openContext, serverContext } from '../../client/client.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import type { Globals } from '../../parsing/global-flags.ts'
import type { FlowResult } from '../../login/run-login-flow.ts'
import type { GivenToken } from '../../login/provided-credential.ts'
import { chooseWay, isFlow, type Way, wayTo } from '../../login/login-method.ts'
import { parseTimeout } from '../../parsing/duration.ts'

export interface LoginOptions {
  globals: Globals
  way: Way
  clientId: string | undefined
  /** Empty: all that the server knows. */
  scopes: readonly string[]
  insecureStorage: boolean
  timeoutMs: number
}

const DEFAULT_TIMEOUT = '5m'
/** A device code has an end of its own, and the person may be on the way to another machine. */
const DEVICE_TIMEOUT = '24h'

export const command = defineCommand({
  summary: 'Log in to a server',
  description: `Opens the browser, where you approve the request. Where there is none in front of you: --no-browser, and you
paste a code, or --device, and you type one. A token that you have goes into --token-stdin; with --jwt-token its
shape and its end are looked at first. Each is tried at the server before it is stored, and a bad one changes nothing.
The credential then rests in the keychain, or in a file that only you can read. Works with any OAuth server; at one
of fob's own, the login that it replaces is revoked.`,
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
  flags: {
    'no-browser': { type: 'boolean', description: 'show the address, and read the code that you paste' },
    oob: {
      type: 'boolean',
      description: 'the server shows the code itself (urn:ietf:wg:oauth:2.0:oob); implies --no-browser',
    },
    device: { type: 'boolean', description: 'show a short code to approve on any machine (RFC 8628)' },
    'token-stdin': { type: 'boolean', description: 'store the token that standard input brings' },
    'with-token': {
      type: 'string',
      value: 'TOKEN',
      description: 'store this token (it stays in the shell history: better --token-stdin)',
    },
    'client-id': {
      type: 'string',
      value: 'ID',
      description: 'the OAuth client to log in as (FOB_CLIENT_ID)',
    },
    scope: {
      type: 'strings',
      value: 'SCOPE',
      description: 'ask for this permission only',
      completes: ALL_SCOPES,
    },
    'insecure-storage': { type: 'boolean', description: 'store in the file, not in the keychain' },
    timeout: {
      type: 'string',
      value: 'TIME',
      description: `how long to wait (default ${DEFAULT_TIMEOUT}; with --device, as long as the code lives)`,
    },
  },
  positionals: {},
  run: async ({ flags, globals }, deps) => {
    const way = chooseWay(flags, globals)
    const timeout = flags.timeout ?? (way.kind === 'device' ? DEVICE_TIMEOUT : DEFAULT_TIMEOUT)
    await login(
      {
        globals,
        way,
        clientId: flags['client-id'],
        scopes: flags.scope,
        insecureStorage: flags['insecure-storage'],
        timeoutMs: parseTimeout(timeout, '--timeout'),
      },
      deps,
    )
  },
})

/** Obtains a credential, checks it, stores it, and says who is logged in and where the credential rests. */
export async function login(options: LoginOptions, deps: Deps): Promise<void> {
  const context = await openContext(deps, options.globals)
  const server = await context.server()
  const way = wayTo(server, options.way)
  const tenant = namedTenant(options, deps, server.url)
  const obtain = await prepare(way, server.url, options, deps, context)
  const there = serverContext(deps, context, server.url)
  const strategy = await strategyOf(there)
  if (strategy === 'open') return context.say(`${server.url} is open to everyone: no login is needed`)
  if (strategy === 'basic' && way.kind !== 'basic') throw basicServer(server.url)
  const obtained = await obtain()
  const conclude = 'conclude' in obtained ? obtained.conclude : async () => {}
  try {
    const { login, saved } = await completeLogin({
      context: there,
      store: context.store,
      ...obtained,
      tenant,
      preferFile: options.insecureStorage,
    })
    await conclude({ ok: true })
    context.say(`Logged in to ${server.url} as ${userLine(login.user)}`)
    sayWhere(context, saved)
    sayWhatWins(context, deps)
    if (saved.replaced !== undefined) {
      const { revokeReplaced } = await import('../../../session/revoke-login.ts')
      const fob = strategy !== undefined
      const words = await revokeReplaced(saved.replaced, obtained.tokens, there, { fob })
      if (words !== undefined) context.say(words)
    }
  } catch (error) {
    const message = error instanceof Fault ? error.message : 'something failed'
    await conclude({ ok: false, message })
    throw error
  }
}

/** What is handed to us is read now: what cannot be a credential is refused before anything is sent. */
async function prepare(
  way: Way,
  server: string,
  options: LoginOptions,
  deps: Deps,
  context: Context,
): Promise<() => Promise<GivenToken | FlowResult>> {
  const { globals, clientId, scopes, timeoutMs } = options
  if (isFlow(way)) {
    const { runFlow } = await import('../../login/run-login-flow.ts')
    return () => runFlow({ way, server, globals, clientId, scopes, timeoutMs, debug: context.debug }, deps)
  }
  const { readHandedIn } = await import('../../login/provided-credential.ts')
  const handedIn = await readHandedIn(way, { deps, globals, say: context.say })
  return async () => handedIn
}

/** Only what the user named for this login is saved with it; a default of the settings stays one. */
function namedTenant({ globals }: LoginOptions, { env }: Deps, server: string): string | undefined {
  return resolveTenant({ flag: globals.tenant, env, settings: {}, server, captured: undefined })
}

function sayWhere(context: Context, saved: Saved): void {
  const warning = fallbackWarning(saved, context.store.path)
  if (warning !== undefined) return context.say(warning)
  const where = saved.storage === 'keychain' ? 'the keychain' : `${context.store.path}, readable only by you`
  context.say(`The credential rests in ${where}`)
}

/** A login that no command would use is worth a word (R9). */
function sayWhatWins(context: Context, { env }: Deps): void {
  const name = ['FOB_TOKEN', 'FOB_JWT_TOKEN', 'CI_AUTH_TOKEN'].find((variable) => env[variable])
  if (name !== undefined) context.say(`note: ${name} is set, and commands use it instead of this login`)
}

function basicServer(server: string): Fault {
  const { protocol, host, pathname } = new URL(server)
  const path = pathname === '/' ? '' : pathname
  return new Fault('config', `${server} uses Basic authentication`, {
    hint: `name the user in the address, and the password is asked for: -s ${protocol}//USER@${host}${path}`,
  })
}
