import { Fault } from '../../../contract/fault.ts'
import type { Flow, Obtained } from '../../../flows/flow.ts'
import type { Provider } from '../../../flows/provider.ts'
import { DEFAULT_CLIENT_ID } from '../../../platform/build.ts'
import { completeLogin, strategyOf, userLine } from '../../../session/login.ts'
import { fallbackWarning } from '../../../session/place.ts'
import { parseToken, resolveTenant, type ServerChoice } from '../../../session/resolve.ts'
import type { OAuthClient, Saved } from '../../../store/store.ts'
import { type Context, openContext, serverContext } from '../../client.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import type { Globals } from '../../globals.ts'
import { parseTimeout } from './timeout.ts'

export interface LoginOptions {
  globals: Globals
  clientId: string | undefined
  /** Empty: all that the server knows. */
  scopes: readonly string[]
  insecureStorage: boolean
  timeoutMs: number
  tokenStdin: boolean
}

const DEFAULT_TIMEOUT = '5m'
const MAX_TOKEN_BYTES = 64 * 1024

export const command = defineCommand({
  summary: 'Log in to a server',
  description:
    'Opens the browser, where you approve the request; the credential then rests in the keychain, or in a file that only you can read.',
  examples: [
    'fob auth login -s https://ci.example.com',
    'fob auth login --tenant acme --timeout 10m',
    'printenv TOKEN | fob auth login --token-stdin -s https://ci.example.com',
  ],
  flags: {
    'client-id': {
      type: 'string',
      value: 'ID',
      description: 'the OAuth client to log in as (FOB_CLIENT_ID)',
    },
    scope: { type: 'strings', value: 'SCOPE', description: 'ask for this permission only (repeatable)' },
    'insecure-storage': { type: 'boolean', description: 'store in the file, not in the keychain' },
    timeout: { type: 'string', value: 'TIME', description: `how long to wait (default ${DEFAULT_TIMEOUT})` },
    'token-stdin': { type: 'boolean', description: 'read a token from standard input instead' },
  },
  positionals: {},
  run: ({ flags, globals }, deps) =>
    login(
      {
        globals,
        clientId: flags['client-id'],
        scopes: flags.scope,
        insecureStorage: flags['insecure-storage'],
        timeoutMs: parseTimeout(flags.timeout ?? DEFAULT_TIMEOUT, '--timeout'),
        tokenStdin: flags['token-stdin'],
      },
      deps,
    ),
})

/** Obtains a credential, checks it, stores it, and says who is logged in and where the credential rests. */
export async function login(options: LoginOptions, deps: Deps): Promise<void> {
  const context = await openContext(deps, options.globals)
  const server = await context.server()
  const tenant = namedTenant(options, deps, server.url)
  const strategy = await strategyOf(serverContext(deps, context, server.url))
  if (strategy === 'open') return context.say(`${server.url} is open to everyone: no login is needed`)
  if (strategy === 'basic') throw basicServer(server.url)
  const { obtained, oauth } = await obtain(options, deps, context, server)
  try {
    const { login, saved } = await completeLogin({
      context: serverContext(deps, context, server.url),
      store: context.store,
      kind: options.tokenStdin ? 'token' : 'oauth',
      tokens: obtained.tokens,
      ...(oauth === undefined ? {} : { oauth }),
      tenant,
      preferFile: options.insecureStorage,
    })
    await obtained.conclude({ ok: true })
    context.say(`Logged in to ${server.url} as ${userLine(login.user)}`)
    sayWhere(context, saved)
    sayWhatWins(context, deps)
  } catch (error) {
    await obtained.conclude({
      ok: false,
      message: error instanceof Fault ? error.message : 'something failed',
    })
    throw error
  }
}

/** Picks the flow: they differ in nothing but how the tokens come. */
async function obtain(
  options: LoginOptions,
  deps: Deps,
  context: Context,
  server: ServerChoice,
): Promise<{ obtained: Obtained; oauth?: OAuthClient }> {
  if (options.tokenStdin) return { obtained: await readToken(deps) }
  const { discoverProvider, scopesToAsk } = await import('../../../flows/provider.ts')
  const { browserFlow } = await import('../../../flows/browser.ts')
  const { openBrowser } = await import('../../../platform/browser.ts')
  const flow: Flow = browserFlow
  const provider = await discoverProvider(server.url, deps)
  const clientId = options.clientId ?? (deps.env.FOB_CLIENT_ID || DEFAULT_CLIENT_ID)
  context.debug(`authorization server by ${provider.source}, client ${clientId}`)
  const obtained = await flow(
    { provider, clientId, scopes: scopesToAsk(provider, options.scopes) },
    {
      // Without the address nobody could log in, so it is shown with --silent as well.
      ui: {
        say: (line) => deps.io.stderr.write(`${line}\n`),
        openUrl: (url) => openBrowser(url, { env: deps.env }),
      },
      clock: deps.clock,
      fetch: deps.fetch,
      signal: deps.signal,
      timeoutMs: options.timeoutMs,
    },
  )
  return { obtained, oauth: clientOf(provider, clientId) }
}

/** A token from standard input (S222): nothing of it is shown, and it is checked like any other. */
async function readToken({ io }: Deps): Promise<Obtained> {
  if (io.stdin.isTerminal) {
    throw new Fault('prompt_needed', '--token-stdin reads from a pipe, and standard input is a terminal', {
      hint: 'printenv TOKEN | fob auth login --token-stdin',
    })
  }
  const bytes = await io.stdin.readAll(MAX_TOKEN_BYTES)
  if (bytes === null) throw new Fault('usage', 'the token on standard input is longer than 64 KiB')
  const accessToken = parseToken(new TextDecoder().decode(bytes), 'standard input')
  const { jwtExpiry } = await import('../../../session/jwt.ts')
  const expiresAt = jwtExpiry(accessToken)
  return {
    tokens: {
      accessToken,
      scopes: [],
      tokenType: 'bearer',
      ...(expiresAt === undefined ? {} : { expiresAt }),
    },
    conclude: async () => {},
  }
}

/** What refresh and logout will need to know. */
function clientOf({ issuer, tokenEndpoint, revocationEndpoint }: Provider, clientId: string): OAuthClient {
  return {
    issuer,
    clientId,
    tokenEndpoint,
    ...(revocationEndpoint === undefined ? {} : { revocationEndpoint }),
  }
}

/** Only what the user named for this login is saved with it; a default of the settings stays one. */
function namedTenant({ globals }: LoginOptions, { env }: Deps, server: string): string | undefined {
  return resolveTenant({ flag: globals.tenant, env, settings: {}, server, captured: undefined })
}

function sayWhere(context: Context, saved: Saved): void {
  const warning = fallbackWarning(saved, context.store.path)
  if (warning !== undefined) return context.say(warning)
  const where = saved.place === 'keychain' ? 'the keychain' : `${context.store.path}, readable only by you`
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
  return new Fault('config', `${server} uses Basic authentication: there is nothing to log in to`, {
    hint: `put the credentials into the address: -s ${protocol}//USER:PASSWORD@${host}${path}`,
  })
}
