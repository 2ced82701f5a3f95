/** What commands that talk to a server share: settings, the store of logins, the session, and the API's client. */
import { Fault } from '../../contract/fault.ts'
import { VERSION } from '../../platform/build-constants.ts'
import { readSwitch, SWITCH_HINT } from '../../platform/parse-boolean-words.ts'
import type { Env } from '../../platform/processes/own-and-child-environment.ts'
import { printable } from '../../platform/terminal/make-text-printable.ts'
import type { Api } from '../../session/api-client.ts'
import {
  type ProjectChoice,
  resolveServer,
  type ServerChoice,
} from '../../session/resolve-server-and-credential.ts'
import { traced } from '../../session/trace-requests-for-debug.ts'
import { openSession, type Session } from '../../session/session.ts'
import { readSettings, type Settings } from '../../settings/config-file.ts'
import { openStore } from '../../store/open-store.ts'
import type { Store } from '../../store/store-interface.ts'
import type { Deps } from '../deps.ts'
import { chosenFormat } from '../output/choose-output-format.ts'
import type { Globals, OutputFormat } from '../parsing/global-flags.ts'
import { sayDone } from '../output/print.ts'
import { openProject } from './load-trusted-project.ts'

/** What a command that talks to a server is given. */
export interface Client {
  /** The server's address, without user, password or trailing slash. */
  server: string
  api: Api
  format: OutputFormat
  /** One line of talk on stderr; nothing with `--silent`. */
  say: (text: string) => void
  /** Says what was done, in words; with `-o json` also as an object on stdout. */
  did: (what: object, words: string) => void
  silent: boolean
}

/** What a command about logins is given: the parts, before anything is decided or sent. */
export interface Context {
  settings: Settings
  store: Store
  /** Determined when it is first needed: it may depend on what standard output is. */
  readonly format: OutputFormat
  say: (text: string) => void
  /** One line on stderr with `--debug`, else nothing. */
  debug: (text: string) => void
  /** Whether a credential may be sent over http to other machines as well. */
  insecureHttp: boolean
  /** Whether requests with a `ci_` token are signed; the environment takes precedence over the settings. */
  sign: boolean
  /** What the folder's `.fob.toml` says; may ask the person, once. */
  project: () => Promise<ProjectChoice | undefined>
  /** @param flags in place of those of the call */
  server: (flags?: Pick<Globals, 'server'>) => Promise<ServerChoice>
  /** @param options.expired whether a JWT that has expired is no error yet */
  session: (options?: { expired?: boolean }) => Promise<Session>
}

/**
 * Reads the settings; everything else waits until it is asked for, so that fast commands stay fast.
 * @throws Fault `config` for settings or a variable that cannot be read
 * @param options.stored false: only the credential of this call counts; what is stored here is not even read
 */
export async function openContext(
  deps: Deps,
  globals: Globals,
  { stored = true }: { stored?: boolean } = {},
): Promise<Context> {
  const { io, env, clock, fetch, signal, home } = deps
  const variables = readVariables(env)
  const settings = await readSettings(home)
  const store = openStore({ home, env, authConfig: globals.authConfig, clock, signal })
  // What a server calls things is in these lines as well.
  const write = (text: string) => io.stderr.write(`${printable(text)}\n`)
  const say = globals.silent ? silence : write
  const debug = variables.debug || globals.debug ? write : silence
  let opened: Promise<ProjectChoice | undefined> | undefined
  const project = () => (opened ??= openProject(deps, globals, say))
  return {
    settings,
    store,
    get format() {
      return chosenFormat(deps, globals, settings.output)
    },
    say,
    debug,
    insecureHttp: variables.insecureHttp,
    sign: variables.sign ?? settings.sign === true,
    project,
    server: async ({ server: flag } = globals) =>
      resolveServer({
        flag,
        env,
        project: await project(),
        settings,
        stored: async () => (stored ? store.list() : []),
      }),
    session: async ({ expired = false } = {}) => {
      const world = { env, store: stored ? store : undefined, clock, signal, warn: say }
      const renewals = { fetch: traced(fetch, debug) }
      const named = { flags: globals, settings, project: await project(), expired }
      const session = await openSession({ ...named, ...world, ...renewals })
      debug(`credential for ${session.server.url}: ${session.credential ?? 'none'}`)
      return session
    },
  }
}

/** Read before anything is done, so that a misspelt one does not end a logout halfway. @throws Fault `config` */
function readVariables(env: Env) {
  return {
    debug: switchOf(env, 'FOB_DEBUG') === true,
    insecureHttp: switchOf(env, 'FOB_INSECURE_HTTP') === true,
    sign: switchOf(env, 'FOB_SIGN'),
  }
}

/**
 * Undefined where the variable is not set, or empty.
 * @throws Fault `config` naming the variable, never its value
 */
function switchOf(env: Env, name: `FOB_${string}`): boolean | undefined {
  const text = env[name]
  if (text === undefined || text === '') return undefined
  const on = readSwitch(text)
  if (on === undefined) throw new Fault('config', `${name} takes true or false`, { hint: SWITCH_HINT })
  return on
}

/** @throws Fault `usage` or `config` on contradictory input. Sends nothing yet. */
export async function openClient(deps: Deps, globals: Globals): Promise<Client> {
  const context = await openContext(deps, globals)
  return clientOf(deps, globals, context, await context.session())
}

/** A client for a session that is open already. */
export async function clientOf(
  deps: Deps,
  globals: Globals,
  context: Context,
  session: Session,
): Promise<Client> {
  const { openApi } = await import('../../session/api-client.ts')
  const api = openApi({
    ...serverContext(deps, context, session.server.url),
    tenant: session.tenant,
    credential: session.credential,
    authorization: session.authorization,
    renewed: session.renewed,
    proving: session.proving,
  })
  const { format, say } = context
  return {
    server: session.server.url,
    api,
    format,
    say,
    silent: globals.silent,
    did: (what, words) => sayDone({ io: deps.io, format, say }, what, words),
  }
}

/** What `--silent` replaces messages with. */
function silence(): void {}

/** What every call to `server` needs. */
export function serverContext({ clock, fetch, signal }: Deps, context: Context, server: string) {
  const { debug, insecureHttp, sign } = context
  return { server, version: VERSION, clock, fetch, signal, debug, insecureHttp, sign }
}
