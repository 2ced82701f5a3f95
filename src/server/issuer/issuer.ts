/**
 * Owns: the authorization server. Codes, grants, sessions of browsers, refresh tokens, access tokens.
 * Refuses: anything but the code flow with PKCE S256 and a registered redirect URI; to keep a usable code or
 * refresh token in the database; an access token whose ID it does not know or has revoked.
 * The pages are not here: `http/interactions.ts` shows them and tells `finish` what the person decided.
 */
import { Fault } from '../../contract/fault.ts'
import { ALL_SCOPES } from '../../contract/scopes.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Secret } from '../../redact/secret.ts'
import type { Accounts, User } from '../accounts/accounts.ts'
import type { Db } from '../db/open.ts'
import type { Log } from '../log.ts'
import { readBoundedBody } from './body.ts'
import { type Bridge, openBridge } from './bridge.ts'
import { FOB_CLI, type PublicClient } from './clients.ts'
import { cookieJar, cookieNames } from './cookies.ts'
import { type Interactions, openInteractions } from './interaction.ts'
import { createProvider, DEFAULT_LIFETIMES, type ErrorPage, type Lifetimes } from './provider.ts'
import { endSession, purgeExpiredRecords, revokeUserRecords } from './records.ts'
import { refreshReplay } from './replay.ts'
import { openSeal } from './seal.ts'
import { loadSigningKey } from './signing-key.ts'
import { openTokens, type Tokens, type VerifiedToken } from './tokens.ts'

export interface Issuer {
  /** Answers the protocol's routes (`isProtocolPath`); 404 for any other. */
  handle(request: Request): Promise<Response>
  /** What the page of this interaction shows; undefined when it is over, or is not this browser's. */
  interaction: Interactions['view']
  /** Takes the person's decision; undefined as above, or when it is not what the interaction is about. */
  finish: Interactions['finish']
  /** Undefined for whatever is not, or no longer, a good access token of this server. Never throws for one. */
  verifyAccessToken(token: string): Promise<VerifiedToken | undefined>
  /** Ends all sessions, grants and tokens of the user. */
  revokeUser(user: User): Promise<void>
  /** Deletes what has expired; to be called now and then. */
  purgeExpired(): Promise<void>
}

export interface IssuerDeps {
  db: Db
  /** The server's public URL, without a path: the issuer, and the audience of access tokens. */
  url: string
  /** 32 bytes or more. The key of access tokens; keys for cookies and stored keys are derived from it. */
  sessionSecret: Secret
  accounts: Accounts
  clock: Clock
  log: Log
  /** How an error looks that cannot be sent back to a client. */
  errorPage: ErrorPage
  lifetimes?: Partial<Lifetimes>
  /** Who may ask for tokens; without it, our command line alone. */
  clients?: readonly PublicClient[]
}

const MIN_SECRET_BYTES = 32

const PATHS: ReadonlySet<string> = new Set([
  '/.well-known/openid-configuration',
  '/.well-known/oauth-authorization-server',
  '/oauth/authorize',
  '/oauth/token',
  '/oauth/revoke',
  '/oauth/jwks',
])

/** Which paths `handle` answers. Exact: the provider itself would also take other spellings. */
function isProtocolPath(path: string): boolean {
  return PATHS.has(path) || /^\/oauth\/authorize\/[\w-]{1,64}$/.test(path)
}

export async function openIssuer(deps: IssuerDeps): Promise<Issuer> {
  const { db, accounts, clock, log, sessionSecret, errorPage } = deps
  const base = publicUrl(deps.url)
  if (Buffer.byteLength(sessionSecret.reveal()) < MIN_SECRET_BYTES) {
    throw new Fault('config', `the session secret has fewer than ${MIN_SECRET_BYTES} bytes`)
  }
  const clients = deps.clients ?? [FOB_CLI]
  const tokens = openTokens({ db, url: base.origin, sessionSecret, accounts, clock })
  const seal = openSeal(sessionSecret, 'server keys')
  const signingKey = await loadSigningKey({ db, seal, now: clock.now(), log })
  const cookies = cookieNames(base.protocol === 'https:')
  const lifetimes = { ...DEFAULT_LIFETIMES, ...deps.lifetimes }
  const provider = await createProvider({
    db,
    url: base.origin,
    accounts,
    clock,
    log,
    lifetimes,
    clients,
    tokens,
    signingKey,
    cookies,
    errorPage,
  })
  const jar = cookieJar(openSeal(sessionSecret, 'cookies'), cookies)
  const callback = provider.callback()
  const bridge = await openBridge({ handler: (req, res) => void callback(req, res), base, jar })
  const clientName = (id: string) => clients.find((client) => client.id === id)?.name ?? id
  const interactions = openInteractions({
    provider,
    bridge,
    accounts,
    clientName,
    endSession: (uid) => endSession(db, uid),
  })

  return {
    handle: protocolHandler({ bridge, tokens, clock, clients }),
    interaction: (uid, cookies) => interactions.view(uid, cookies),
    finish: (uid, cookies, outcome) => interactions.finish(uid, cookies, outcome),
    verifyAccessToken: (token) => tokens.verify(token),
    revokeUser: (user) => revokeUserRecords(db, user),
    purgeExpired: () => purgeExpiredRecords(db, clock.now()),
  }
}

function publicUrl(text: string): URL {
  const url = URL.parse(text)
  if (url && /^https?:$/.test(url.protocol) && url.pathname === '/' && url.search === '' && url.hash === '')
    return url
  throw new Fault('config', 'the public URL must be http or https, without a path', {
    hint: 'for example https://ci.example.com',
  })
}

function protocolHandler(deps: {
  bridge: Bridge
  tokens: Tokens
  clock: Clock
  clients: readonly PublicClient[]
}): Issuer['handle'] {
  const { bridge, tokens, clients } = deps
  const replay = refreshReplay(deps.clock)

  const revokeJwt = async (form: URLSearchParams): Promise<Response> => {
    const clientId = form.get('client_id') ?? ''
    if (!clients.some((client) => client.id === clientId)) return oauthError(401, 'invalid_client')
    await tokens.revoke(form.get('token') ?? '', clientId)
    // RFC 7009 §2.2: the answer is the same whether or not there was anything to revoke.
    return new Response(null, { status: 200, headers: { 'cache-control': 'no-store' } })
  }

  return async (request) => {
    const target = new URL(request.url)
    if (!isProtocolPath(target.pathname)) return oauthError(404, 'not_found')
    if (request.method === 'POST' && target.pathname.startsWith('/oauth/authorize')) {
      // Our session cookie does not travel with another site's POST (SameSite), so there is only GET.
      return oauthError(405, 'invalid_request', { allow: 'GET, HEAD' })
    }
    const body = await readBoundedBody(request)
    if (!body) return oauthError(413, 'invalid_request')
    const answer = () => bridge.answer(request, withDefaultScope(target), body)
    if (request.method !== 'POST') return answer()
    const form = new URLSearchParams(body.toString())
    // The provider revokes what it keeps, and it does not keep JWTs: those are ours to revoke.
    if (target.pathname === '/oauth/revoke' && isJwt(form.get('token'))) return revokeJwt(form)
    if (target.pathname === '/oauth/token' && form.get('grant_type') === 'refresh_token') {
      return replay([body.toString(), request.headers.get('authorization') ?? ''], answer)
    }
    return answer()
  }
}

/** RFC 6749 §3.3: without a scope, the default one. The consent page lists what that is. */
function withDefaultScope(target: URL): URL {
  if (target.pathname !== '/oauth/authorize' || target.searchParams.get('scope')) return target
  const url = new URL(target)
  url.searchParams.set('scope', ['openid', 'profile', 'email', ...ALL_SCOPES].join(' '))
  return url
}

function isJwt(token: string | null): boolean {
  return token !== null && token.split('.').length === 3
}

function oauthError(status: number, error: string, headers: Record<string, string> = {}): Response {
  return Response.json({ error }, { status, headers: { 'cache-control': 'no-store', ...headers } })
}
