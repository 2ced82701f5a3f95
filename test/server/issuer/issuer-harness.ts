/** A server with one account for the tests of the issuer, and a minimal browser with cookies. */
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ALL_SCOPES } from '../../../src/contract/token-scopes.ts'
import { Secret } from '../../../src/redact/secret.ts'
import { openAccounts } from '../../../src/server/accounts/accounts.ts'
import type { User } from '../../../src/server/accounts/user-types.ts'
import { openAudit } from '../../../src/server/audit/audit.ts'
import { anonymous } from '../../../src/server/auth/create-principal.ts'
import { openDatabase } from '../../../src/server/db/open-database.ts'
import { Call, type Handler } from '../../../src/server/http/request-context.ts'
import { openHeldBodies } from '../../../src/server/http/request/limit-total-body-bytes.ts'
import {
  consentPage,
  consentSubmit,
  loginPage,
  loginSubmit,
} from '../../../src/server/http/login/login-and-consent-pages.ts'
import type { Services } from '../../../src/server/http/handler-services.ts'
import { FOB_CLI, type PublicClient } from '../../../src/server/issuer/first-party-clients.ts'
import { type Issuer, openIssuer } from '../../../src/server/issuer/issuer.ts'
import { revokeUserRecords } from '../../../src/server/issuer/tokens/end-sessions-grants-and-tokens.ts'
import { jsonLog } from '../../../src/server/log.ts'
import { devicePages } from '../../../src/server/web/device-login-template.ts'
import { renderProtocolError } from '../../../src/server/web/login-consent-and-message-templates.ts'

export const SESSION_SECRET = 'a session secret of more than 32 bytes'
export const EMAIL = 'ada@example.com'
export const PASSWORD = 'correct horse battery'
export const REDIRECT = 'http://127.0.0.1:8765/callback'
/** Its access tokens come without a refresh token. */
const LONE_CLIENT: PublicClient = { ...FOB_CLI, id: 'lone', name: 'Lone', refresh: false }

export interface World {
  url: string
  issuer: Issuer
  ada: User
  /**
   * Added to real time: the provider itself reads the system's clock. With `at` our own clock stands still there.
   */
  time: { ahead: number; at?: number | undefined }
  logs: string[]
  dataDir: string
  accounts: Awaited<ReturnType<typeof openAccounts>>
  db: ReturnType<typeof openDatabase>['db']
  /** A second authorization server on the same database. */
  reopen(sessionSecret: string): Promise<Issuer>
  stop(): Promise<void>
}

const pages: Record<string, Handler> = {
  'GET login': loginPage,
  'POST login': loginSubmit,
  'GET consent': consentPage,
  'POST consent': consentSubmit,
}

/** A real server on a free port, with a database file, one account and the two pages. */
export async function startWorld(options: { publicUrl?: string } = {}): Promise<World> {
  const dataDir = mkdtempSync(join(tmpdir(), 'fob-issuer-'))
  const database = openDatabase(join(dataDir, 'fob.db'))
  const { db } = database
  const time: World['time'] = { ahead: 0 }
  const clock = { now: () => time.at ?? Date.now() + time.ahead, sleep: () => Promise.resolve() }
  const logs: string[] = []
  const log = jsonLog((line) => logs.push(line), clock.now)
  const accounts = await openAccounts({
    db,
    clock,
    onCredentialsChanged: (user) => revokeUserRecords(db, user),
  })
  const ada = await accounts.addLocal({ email: EMAIL, password: new Secret(PASSWORD), name: 'Ada Lovelace' })

  const parts: { services?: Services } = {}
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: (request, bun) => {
      if (!parts.services) return new Response(null, { status: 503 })
      return answer(request, parts.services, bun.requestIP(request)?.address ?? '')
    },
  })
  const url = options.publicUrl ?? `http://127.0.0.1:${server.port}`
  const open = (sessionSecret: string) =>
    openIssuer({
      db,
      url,
      sessionSecret: new Secret(sessionSecret),
      accounts,
      clock,
      log,
      errorPage: renderProtocolError,
      devicePages: devicePages('127.0.0.1'),
      clients: [FOB_CLI, LONE_CLIENT],
    })
  const issuer = await open(SESSION_SECRET)
  // The pages use no other part of the server.
  const services: Partial<Services> = { issuer, accounts, log, clock, audit: openAudit({ db, clock }) }
  parts.services = { ...services, settings: { url, passwords: true } } as Services
  return {
    url,
    issuer,
    ada,
    time,
    logs,
    dataDir,
    accounts,
    db,
    reopen: open,
    stop: async () => {
      await server.stop(true)
      database.close()
      rmSync(dataDir, { recursive: true })
    },
  }
}

async function answer(request: Request, services: Services, address: string): Promise<Response> {
  const url = new URL(request.url)
  const [, auth, name, uid = ''] = url.pathname.split('/')
  const handler = auth === 'auth' ? pages[`${request.method} ${name}`] : undefined
  if (!handler)
    return (await services.issuer?.handle(request, address)) ?? new Response(null, { status: 404 })
  const peers = { addressOf: () => address, keepOpen: () => {}, held: openHeldBodies() }
  const nobody = anonymous({ id: 'ten_1', slug: 'default' })
  const call = new Call({ request, path: url.pathname, params: { uid } }, nobody, peers)
  return handler(call, services)
}

interface Cookie {
  name: string
  value: string
  path: string
  line: string
}

/** As much of a browser as a login needs: cookies with paths, no redirect followed unasked. */
export class Browser {
  cookies: Cookie[] = []
  readonly url: string

  constructor(url: string) {
    this.url = url
  }

  async get(target: string): Promise<Response> {
    return this.send(target, {})
  }

  async post(
    target: string,
    form: Record<string, string>,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    const body = new URLSearchParams(form)
    return this.send(target, { method: 'POST', body, headers: { origin: this.url, ...headers } })
  }

  cookieHeader(path: string): string {
    return this.cookies
      .filter((cookie) => path.startsWith(cookie.path))
      .map((cookie) => `${cookie.name}=${cookie.value}`)
      .join('; ')
  }

  private async send(
    target: string,
    init: { method?: string; body?: URLSearchParams; headers?: Record<string, string> },
  ): Promise<Response> {
    const url = new URL(target, this.url)
    const headers = { ...init.headers, cookie: this.cookieHeader(url.pathname) }
    const response = await fetch(url, { ...init, headers, redirect: 'manual' })
    for (const line of response.headers.getSetCookie()) this.keep(line)
    return response
  }

  private keep(line: string): void {
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim())
    const at = pair.indexOf('=')
    const path = attributes.find((part) => part.toLowerCase().startsWith('path='))?.slice(5) ?? '/'
    const cookie = { name: pair.slice(0, at), value: pair.slice(at + 1), path, line }
    this.cookies = this.cookies.filter((other) => other.name !== cookie.name || other.path !== path)
    if (cookie.value !== '') this.cookies.push(cookie)
  }
}

export interface Attempt {
  verifier: string
  state: string
  /** The path of the authorize request. */
  target: string
}

/** An authorize request; a parameter given as undefined is left out. */
export function authorize(params: Record<string, string | undefined> = {}): Attempt {
  const verifier = randomBytes(32).toString('base64url')
  const state = randomBytes(16).toString('base64url')
  const all: Record<string, string | undefined> = {
    response_type: 'code',
    client_id: 'fob-cli',
    redirect_uri: REDIRECT,
    scope: ['openid', 'profile', 'email', ...ALL_SCOPES].join(' '),
    state,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...params,
  }
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(all)) if (value !== undefined) query.set(name, value)
  return { verifier, state, target: `/oauth/authorize?${query.toString()}` }
}

export function location(response: Response): string {
  const to = response.headers.get('location')
  if (to === null) throw new Error(`no redirect: ${response.status}`)
  return to
}

/** Logs in on the login page; ends on the consent page. */
export async function signIn(browser: Browser, attempt: Attempt, as = { email: EMAIL, password: PASSWORD }) {
  const login = location(await browser.get(attempt.target))
  return location(await browser.get(location(await browser.post(login, as))))
}

/** Decides on the consent page; ends with the redirect to the client. */
export async function decide(
  browser: Browser,
  consent: string,
  decision: 'authorize' | 'deny',
): Promise<URL> {
  const back = location(await browser.post(consent, { decision }))
  return new URL(location(await browser.get(back)))
}

export interface TokenAnswer {
  access_token: string
  refresh_token?: string
  id_token?: string
  expires_in: number
  token_type: string
  scope: string
}

export async function post(world: World, path: string, form: Record<string, string>): Promise<Response> {
  return fetch(new URL(path, world.url), { method: 'POST', body: new URLSearchParams(form) })
}

export async function redeem(
  world: World,
  code: string,
  attempt: Attempt,
  more: Record<string, string> = {},
) {
  return post(world, '/oauth/token', {
    grant_type: 'authorization_code',
    client_id: 'fob-cli',
    code,
    code_verifier: attempt.verifier,
    redirect_uri: REDIRECT,
    ...more,
  })
}

/** The whole login of a command line. */
export async function logIn(
  world: World,
  params: Record<string, string | undefined> = {},
): Promise<TokenAnswer> {
  const browser = new Browser(world.url)
  const attempt = authorize(params)
  const callback = await decide(browser, await signIn(browser, attempt), 'authorize')
  const clientId = params.client_id ?? 'fob-cli'
  const answer = await redeem(world, callback.searchParams.get('code') ?? '', attempt, {
    client_id: clientId,
  })
  if (answer.status !== 200) throw new Error(`no token: ${await answer.text()}`)
  return (await answer.json()) as TokenAnswer
}

export async function refresh(world: World, refreshToken: string): Promise<Response> {
  return post(world, '/oauth/token', {
    grant_type: 'refresh_token',
    client_id: 'fob-cli',
    refresh_token: refreshToken,
  })
}
