/** Which server, which credential, which tenant: the orders of precedence, each in one function. */
import { Fault } from '../contract/fault.ts'
import type { IdTokenSource } from '../flows/workload/find-id-token.ts'
import type { Env } from '../platform/processes/own-and-child-environment.ts'
import { isLoopbackHost } from '../platform/network/is-loopback-host.ts'
import { safeLine } from '../platform/terminal/make-text-printable.ts'
import { serverAddress } from '../platform/network/normalize-server-address.ts'
import { Secret } from '../redact/secret.ts'
import type { Settings } from '../settings/config-file.ts'
import type { StoredLogin } from '../store/store-interface.ts'
import { requireUsableJwt } from './check-jwt-form-and-expiry.ts'

const DEFAULT_SERVER = 'http://localhost:8080'

export interface BasicCredentials {
  username: string
  password: Secret
}

export interface ServerChoice {
  /** Normalised: no user, no trailing `/` or `/api/v1`, no query. The key of the store. */
  url: string
  /** Where it came from, for messages. */
  source: string
  /** False for the default, which nothing and nobody named. */
  chosen: boolean
  /** Named by the user: for this call, or in their own settings; not by a folder or by a login. */
  isUsersChoice: boolean
  /** Taken out of the URL, so that it is never printed with it. */
  basic?: BasicCredentials
}

/** What a project's `.fob.toml` says, once the user has said yes to it. */
export interface ProjectChoice {
  path: string
  server?: string | undefined
  tenant?: string | undefined
  account?: string | undefined
}

/**
 * `--server`, `FOB_SERVER`, the project's file, config `server`, the only stored one, the one of the last login or
 * `fob auth switch`, `http://localhost:8080`.
 * `CI_SERVER_URL` is never read: GitLab sets it to its own address.
 * @throws Fault `usage` or `config` when what was named is not a URL.
 */
export async function resolveServer(input: {
  flag: string | undefined
  env: Env
  project?: ProjectChoice | undefined
  settings: Settings
  stored: () => Promise<readonly Pick<StoredLogin, 'server' | 'atCurrentServer'>[]>
}): Promise<ServerChoice> {
  const { flag, env, project, settings } = input
  const byUser = { chosen: true, isUsersChoice: true }
  const otherwise = { chosen: true, isUsersChoice: false }
  if (flag !== undefined) return { ...normalizeServer(flag, '--server'), source: '--server', ...byUser }
  if (env.FOB_SERVER)
    return { ...normalizeServer(env.FOB_SERVER, 'FOB_SERVER'), source: 'FOB_SERVER', ...byUser }
  const ofProject = project === undefined ? undefined : projectServer(project)
  if (project !== undefined && ofProject !== undefined)
    return { url: ofProject, source: project.path, ...otherwise }
  if (settings.server) {
    return { ...normalizeServer(settings.server, 'server in config.toml'), source: 'config.toml', ...byUser }
  }
  const logins = await input.stored()
  const [only, ...more] = new Set(logins.map((login) => login.server))
  if (only !== undefined && more.length === 0)
    return { url: only, source: 'the only stored login', ...otherwise }
  const current = logins.find((login) => login.atCurrentServer === true)?.server
  if (current !== undefined) return { url: current, source: 'the last login or switch', ...otherwise }
  return { url: DEFAULT_SERVER, source: 'the default', chosen: false, isUsersChoice: false }
}

/**
 * A server's address in its one spelling. A bare `ci.example.com` means https (http on this machine);
 * user and password are taken out.
 * @throws Fault `usage`; the message never repeats the text, which can hold a password.
 */
export function normalizeServer(text: string, from: string): Pick<ServerChoice, 'url' | 'basic'> {
  const trimmed = text.trim()
  const url = parseUrl(/^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed) ? trimmed : `https://${trimmed}`)
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new Fault('usage', `${from} is not an http or https URL`, {
      hint: 'write it as https://ci.example.com',
    })
  }
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed) && isLoopbackHost(url.hostname)) url.protocol = 'http:'
  if (url.search !== '' || url.hash !== '') {
    throw new Fault('usage', `${from} must not have a query or a fragment`)
  }
  const { username, password } = url
  const result = { url: serverAddress(url) }
  if (username === '' && password === '') return result
  return { ...result, basic: { username: decode(username), password: new Secret(decode(password)) } }
}

/** A credential that is presented to the server, and where it came from. */
export type Presented =
  | { kind: 'bearer'; token: Secret; source: string }
  | { kind: 'stored' }
  | { kind: 'basic'; credentials: BasicCredentials }
  /** What the server gives for the ID token of a job, which messages call by its name. */
  | { kind: 'workload'; source: IdTokenSource; name: string }
  | { kind: 'none' }

/** A token that was given for this call, as it is: its shape is not checked yet. */
export interface GivenToken {
  value: string
  source: string
  jwt: boolean
}

/**
 * The first of `--auth-token` or `--jwt-token`, `FOB_TOKEN`, `FOB_JWT_TOKEN`, `CI_AUTH_TOKEN`.
 * @throws Fault `usage` when both flags are given
 */
export function givenToken(input: {
  authToken: string | undefined
  jwtToken: string | undefined
  env: Env
}): GivenToken | undefined {
  const { authToken, jwtToken, env } = input
  if (authToken !== undefined && jwtToken !== undefined) {
    throw new Fault('usage', 'give --auth-token or --jwt-token, not both')
  }
  const candidates = [
    { value: authToken, source: '--auth-token', jwt: false },
    { value: jwtToken, source: '--jwt-token', jwt: true },
    { value: env.FOB_TOKEN || undefined, source: 'FOB_TOKEN', jwt: false },
    { value: env.FOB_JWT_TOKEN || undefined, source: 'FOB_JWT_TOKEN', jwt: true },
    { value: env.CI_AUTH_TOKEN || undefined, source: 'CI_AUTH_TOKEN', jwt: false },
  ]
  for (const { value, ...more } of candidates) if (value !== undefined) return { value, ...more }
  return undefined
}

/** @throws Fault `usage` for a token of the wrong shape, `credentials_expired` for a JWT that has expired. */
export function usableToken({ value, source, jwt }: GivenToken, now: number): Secret {
  const token = parseToken(value, source)
  if (jwt) requireUsableJwt(token, source, now)
  return token
}

/**
 * The one order of all commands: the given token, the stored credential, Basic credentials in the URL. The ID token of a
 * job comes after them (`session.ts`).
 * @throws Fault `usage` when both flags are given or a token has the wrong shape; `credentials_expired` for a JWT
 * that has expired.
 */
export function resolvePresented(input: {
  authToken: string | undefined
  jwtToken: string | undefined
  env: Env
  hasStored: boolean
  basic: BasicCredentials | undefined
  now: number
}): Exclude<Presented, { kind: 'workload' }> {
  const given = givenToken(input)
  if (given !== undefined) {
    return { kind: 'bearer', token: usableToken(given, input.now), source: given.source }
  }
  if (input.hasStored) return { kind: 'stored' }
  return input.basic === undefined ? { kind: 'none' } : { kind: 'basic', credentials: input.basic }
}

/**
 * A token as a person or a file gave it to us: blanks around it are cut.
 * @throws Fault `usage` when it is empty or could not stand in a header; the message never shows it.
 */
export function parseToken(text: string, source: string): Secret {
  const token = text.trim()
  if (token === '') throw new Fault('usage', `${source} is empty`)
  if (/^["'`]|["'`]$/.test(token)) {
    throw new Fault('usage', `${source} has quotes around the token`, {
      hint: 'provide it without the quotes',
    })
  }
  if (!/^[\u0021-\u007e]+$/.test(token)) {
    throw new Fault('usage', `${source} is not one token: it holds blanks or characters that no token has`)
  }
  return new Secret(token)
}

/**
 * The project's tenant and account are for the server that it names, and for any server where it names none.
 */
export function projectFor(
  project: ProjectChoice | undefined,
  server: ServerChoice,
): ProjectChoice | undefined {
  const url = project === undefined ? undefined : projectServer(project)
  return url === undefined || url === server.url ? project : undefined
}

/**
 * The address that a project's file names, normalised.
 * @throws Fault `usage` when it is not a URL; `config` when it holds a password, which does not belong into a
 * repository and is not sent anywhere.
 */
export function projectServer({ path, server }: ProjectChoice): string | undefined {
  if (server === undefined) return undefined
  const { url, basic } = normalizeServer(server, `server in ${safeLine(path)}`)
  if (basic === undefined) return url
  throw new Fault('config', `server in ${safeLine(path)} must not hold a user or a password`)
}

/** Which of the server's accounts is asked for: `FOB_ACCOUNT`, then the project's file; else the current one. */
export function resolveAccount(input: {
  env: Env
  project: ProjectChoice | undefined
}): { account: string; source: string } | undefined {
  const { env, project } = input
  if (env.FOB_ACCOUNT) return { account: env.FOB_ACCOUNT, source: 'FOB_ACCOUNT' }
  if (project?.account === undefined) return undefined
  return { account: project.account, source: project.path }
}

/**
 * `--tenant`, `FOB_TENANT`, the project's file, config (this server's before the global one), the one
 * captured at login.
 * @throws Fault `usage` when it is not a slug.
 */
export function resolveTenant(input: {
  flag: string | undefined
  env: Env
  project?: ProjectChoice | undefined
  settings: Settings
  server: string
  captured: string | undefined
}): string | undefined {
  const { flag, env, project, settings, server, captured } = input
  const perServer = settings.servers?.[server]?.tenant
  const slug = flag ?? (env.FOB_TENANT || project?.tenant || perServer || settings.tenant || captured)
  if (slug !== undefined && !isTenantSlug(slug)) {
    throw new Fault('usage', `"${safeLine(slug, 40)}" is not a tenant`, {
      hint: 'a tenant is a slug of letters, digits, ".", "_" and "-"',
    })
  }
  return slug
}

export function isTenantSlug(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(text)
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
