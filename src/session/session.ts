/**
 * Owns: which server, account, credential and tenant a command uses; their renewal in time; the calls of a server's
 * API with them; and the two ends of a login, its check with the save and its revocation.
 * Refuses: to print, to prompt, and to obtain tokens itself, which is what the flows are for.
 */
import { Fault } from '../contract/fault.ts'
import type { Clock } from '../platform/clock.ts'
import type { Fetch } from '../platform/fetch-type.ts'
import type { Env } from '../platform/processes/own-and-child-environment.ts'
import { safeLine } from '../platform/terminal/make-text-printable.ts'
import type { Settings } from '../settings/config-file.ts'
import type { Store, StoredLogin } from '../store/store-interface.ts'
import { accountName } from './account-display-names.ts'
import { chooseAccount } from './choose-account.ts'
import { type Authorization, presentedAuthorization } from './authorization-of-session.ts'
import { endsSoon, isShortLived, jwtExpiry } from './check-jwt-form-and-expiry.ts'
import {
  givenToken,
  type Presented,
  type ProjectChoice,
  projectFor,
  resolveAccount,
  resolvePresented,
  resolveServer,
  resolveTenant,
  type ServerChoice,
} from './resolve-server-and-credential.ts'

export interface SessionOptions {
  flags: {
    server: string | undefined
    tenant: string | undefined
    authToken: string | undefined
    jwtToken: string | undefined
  }
  env: Env
  settings: Settings
  /** What the folder's `.fob.toml` says, if the user trusts it. */
  project?: ProjectChoice | undefined
  /** Whether a JWT that has expired is presented all the same, for a command that only tells of it. */
  expired?: boolean
  /** Undefined: stored logins are not looked at. */
  store: Store | undefined
  clock: Clock
  fetch: Fetch
  signal: AbortSignal
  /** Takes a line that the user should see. */
  warn: (line: string) => void
}

export interface Session extends Authorization {
  server: ServerChoice
  /** The slug for `X-Tenant`. */
  tenant: string | undefined
  /** What will be presented, decided without waking the keychain. */
  presented: Presented
  /** The stored login for this server, whether it is what is presented or not. */
  login: StoredLogin | undefined
  /** What named the account; undefined where it is simply the server's current one. */
  accountSource: string | undefined
  /** What is presented, as a message calls it: `the token in FOB_TOKEN`; undefined for nothing. */
  credential: string | undefined
}

/**
 * @throws Fault `usage` or `config` on contradictory or unreadable input, `unauthenticated` when the account
 * that was named is not logged in. Sends nothing.
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { flags, env, settings, store, clock } = options
  // One reading for all that is decided here.
  let list: Promise<StoredLogin[]> | undefined
  const stored = () => (list ??= store?.list() ?? Promise.resolve([]))
  const server = await resolveServer({
    flag: flags.server,
    env,
    project: options.project,
    settings,
    stored,
  })
  const { authToken, jwtToken } = flags
  const given = givenToken({ authToken, jwtToken, env })
  const logins = await (given === undefined ? stored() : stored().catch(noneFor))
  const project = projectFor(options.project, server)
  const resolved = resolvePresented({
    authToken,
    jwtToken,
    env,
    hasStored: logins.some((login) => login.server === server.url),
    basic: server.basic,
    now: options.expired === true ? -Infinity : clock.now(),
  })
  const presented = resolved.kind === 'none' ? await offered(server, env) : resolved
  // A name that fits no account is an error only where a stored login would be used.
  const wanted = presented.kind === 'bearer' ? undefined : resolveAccount({ env, project })
  const { login, source: accountSource } = chooseAccount(logins, server.url, wanted)
  // A tenant captured at another login says nothing about a token that was given for this call.
  const captured = presented.kind === 'stored' ? login?.tenant : undefined
  const tenant = resolveTenant({ flag: flags.tenant, env, project, settings, server: server.url, captured })
  const credential = nameOf(presented, login)
  const ending = endOf(presented, login)
  const warning = endsSoon(ending, clock.now(), credential)
  if (warning !== undefined) options.warn(warning)
  const authorization = await authorizationBy(presented, login, server, options)
  return { server, tenant, presented, login, accountSource, credential, ...authorization }
}

/** The ID token of the job, for a server that the user has named: whoever writes a folder's file must not get it. */
async function offered(server: ServerChoice, env: Env): Promise<Presented> {
  if (!server.isUsersChoice) return { kind: 'none' }
  const { idTokenName, offeredIdToken } = await import('../flows/workload/find-id-token.ts')
  const source = offeredIdToken(env)
  return source === undefined ? { kind: 'none' } : { kind: 'workload', source, name: idTokenName(source) }
}

async function authorizationBy(
  presented: Presented,
  login: StoredLogin | undefined,
  { url }: ServerChoice,
  options: SessionOptions,
): Promise<Authorization> {
  const { store } = options
  if (presented.kind !== 'workload') {
    return presentedAuthorization(presented, login, store && { ...options, store })
  }
  const { workloadAuthorization } = await import('./workload/workload-authorization.ts')
  return workloadAuthorization(presented.source, url, options)
}

/** When a stored token ends that came without a way to renew it. */
function endOf(presented: Presented, login: StoredLogin | undefined): number | undefined {
  if (presented.kind === 'stored') return login?.kind === 'token' ? login.expiresAt : undefined
  if (presented.kind !== 'bearer') return undefined
  const { token, source } = presented
  // A token of an hour in FOB_TOKEN comes from a script that fetches a new one each time.
  return source === 'FOB_TOKEN' && isShortLived(token) ? undefined : jwtExpiry(token)
}

function nameOf(presented: Presented, login: StoredLogin | undefined): string | undefined {
  if (presented.kind === 'bearer') return `the token in ${presented.source}`
  if (presented.kind === 'basic') {
    return `the password of ${safeLine(presented.credentials.username, 100)} in the server's address`
  }
  if (presented.kind === 'workload') return `the token for ${presented.name}`
  if (presented.kind === 'none' || login === undefined) return undefined
  if (login.kind === 'basic') return `the stored password of ${accountName(login)}`
  return login.kind === 'token'
    ? `the stored token of ${accountName(login)}`
    : `the login of ${accountName(login)}`
}

/** A credential that was given for this call needs no stored one: the store may be damaged or unreadable. */
function noneFor(error: unknown): StoredLogin[] {
  if (error instanceof Fault && error.code === 'config') return []
  throw error
}

/** What a command says when it needs a credential and there is none, before anything is sent. */
export function notLoggedIn(server: string): Fault {
  return new Fault('unauthenticated', `not logged in to ${server}`, {
    hint: `run fob auth login -s ${server}`,
  })
}

/** The same, with the logins to choose from where nothing named the server. */
export function nobodyHere({ url, chosen }: ServerChoice, logins: readonly StoredLogin[]): Fault {
  if (chosen || logins.length === 0) return notLoggedIn(url)
  const names = logins.map((login) => `${accountName(login)} at ${login.server}`)
  return new Fault('unauthenticated', `not logged in to ${url}, and no server is chosen`, {
    hint: `run fob auth switch, or name one with -s URL; logged in: ${names.join(', ')}`,
  })
}
