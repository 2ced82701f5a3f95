/** The handler of the protocol routes: bounds and defaults in front of the provider. */
import * as v from 'valibot'
import type { Provider } from 'oidc-provider'
import { ALL_SCOPES } from '../../../contract/token-scopes.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Accounts } from '../../accounts/accounts.ts'
import type { User } from '../../accounts/user-types.ts'
import type { Db } from '../../db/open-database.ts'
import { readBoundedBody } from './bounded-form-body.ts'
import type { Bridge } from './node-http-bridge.ts'
import { DEVICE_GRANT } from '../../../contract/cli-oauth-client.ts'
import { TOKEN_EXCHANGE_GRANT } from '../../../contract/token-exchange.ts'
import { DEVICE_PATH } from '../protocol-page-paths.ts'
import { TICKET_GRANT } from '../ticket-grant-type.ts'
import { USER_CODE_HEADER } from './device-flow-configuration.ts'
import { openPollPace } from './device-poll-pace.ts'
import { openIntrospection } from './token-introspection.ts'
import { type ExchangeToken, respondToExchange } from './token-exchange-grant.ts'
import { oauthError } from './oauth-error-response.ts'
import { checkRegistration } from './check-client-registration.ts'
import { readRefreshRequest, refreshReplay } from '../tokens/repeat-refresh-response.ts'
import { asksBeyondGrant } from './check-requested-resource.ts'
import type { Tokens } from '../tokens/access-tokens.ts'
import type { ErrorPage } from './protocol-page-types.ts'
import { openWatch, type ProtocolEvent } from './audit-oauth-requests.ts'

const PATHS: ReadonlySet<string> = new Set([
  '/.well-known/openid-configuration',
  '/.well-known/oauth-authorization-server',
  '/oauth/authorize',
  '/oauth/token',
  '/oauth/revoke',
  '/oauth/introspect',
  '/oauth/register',
  '/oauth/device_authorization',
  '/oauth/jwks',
  DEVICE_PATH,
])
/** Where the browser comes back to after a login or a consent. */
const RESUME = /^\/(?:oauth\/authorize|auth\/device)\/[\w-]{1,64}$/

/** Which paths have a response. Exact: the provider itself would also take other spellings. */
function isProtocolPath(path: string): boolean {
  return PATHS.has(path) || RESUME.test(path)
}

const json = v.record(v.string(), v.unknown())

/** What stands before the provider: bounds, defaults, and what it cannot do for tokens that are JWTs. */
export function protocolHandler(deps: {
  db: Db
  provider: Provider
  bridge: Bridge
  tokens: Tokens
  accounts: Accounts
  clock: Clock
  url: string
  onEvent: (event: ProtocolEvent) => void
  /** Told of a refresh before it is carried out. */
  onRefresh: (user: User) => Promise<void>
  errorPage: ErrorPage
  /** Undefined: no other issuer is trusted, and the grant does not exist. */
  exchange: ExchangeToken | undefined
  /** Whether the client is part of fob, and did not register itself. */
  isOurs: (clientId: string) => boolean
}): (request: Request, address: string) => Promise<Response> {
  const { provider, bridge, tokens } = deps
  const watched = openWatch(deps)
  const replay = refreshReplay(deps)
  const introspect = openIntrospection(deps)
  const paced = openPollPace(deps.clock)

  const revokeJwt = async (form: URLSearchParams, address: string): Promise<Response> => {
    const clientId = form.get('client_id') ?? ''
    if (!(await provider.Client.find(clientId))) return oauthError(401, 'invalid_client')
    const ended = await tokens.revoke(form.get('token') ?? '', clientId)
    if (ended) {
      const user = await deps.accounts.byId(ended.userId)
      deps.onEvent({
        action: 'token.revoke',
        user,
        target: ended.jti,
        address,
        details: { client: clientId },
      })
    }
    // RFC 7009 §2.2: the response is the same whether or not there was anything to revoke.
    return new Response(null, { status: 200, headers: { 'cache-control': 'no-store' } })
  }

  const announceRefresh = async (refreshToken: string) => {
    const { accountId = '' } = (await provider.RefreshToken.find(refreshToken)) ?? {}
    const colon = accountId.indexOf(':')
    const user = await deps.accounts.bySubject(accountId.slice(0, colon), accountId.slice(colon + 1))
    if (user) await deps.onRefresh(user)
  }

  const register = async (request: Request, target: URL, body: Buffer, address: string) => {
    const checked = checkRegistration(parse(body))
    if (checked.kind === 'refused') {
      const { error, description } = checked
      return oauthError(400, error, {}, description)
    }
    return bridge.respond(request, target, Buffer.from(JSON.stringify(checked.metadata)), { address })
  }

  const post = async (request: Request, target: URL, body: Buffer, address: string): Promise<Response> => {
    const { pathname } = target
    const forward = (sent = body) => bridge.respond(request, target, sent, { address })
    if (pathname === '/oauth/register') return register(request, target, body, address)
    const form = formOf(body)
    if (pathname === '/oauth/introspect') return introspect(request, form)
    // The provider revokes what it keeps, and it does not keep JWTs: those are ours to revoke.
    if (pathname === '/oauth/revoke' && isJwt(form.get('token'))) return revokeJwt(form, address)
    if (pathname === '/oauth/device_authorization' && !form.get('scope')) {
      form.set('scope', DEFAULT_SCOPE)
      return forward(Buffer.from(form.toString()))
    }
    if (pathname !== '/oauth/token') return forward()
    if (form.get('grant_type') === TICKET_GRANT) return oauthError(400, 'unsupported_grant_type')
    if (form.get('grant_type') === TOKEN_EXCHANGE_GRANT) {
      const { exchange, url } = deps
      if (exchange === undefined) return oauthError(400, 'unsupported_grant_type')
      const isClient = async (id: string) => (await provider.Client.find(id)) !== undefined
      return respondToExchange(form, { exchange, url, isClient }, address)
    }
    if (await asksBeyondGrant(provider, form)) {
      return oauthError(400, 'invalid_target', {}, 'the grant is not for that resource')
    }
    if (form.get('grant_type') === DEVICE_GRANT) return paced(form.get('device_code') ?? '', forward)
    if (form.get('grant_type') !== 'refresh_token') return forward()
    await announceRefresh(form.get('refresh_token') ?? '')
    const asked = readRefreshRequest(form, request.headers.get('authorization'))
    return asked === undefined ? forward() : replay(asked, forward)
  }

  return async (request, address) => {
    const target = new URL(request.url)
    if (!isProtocolPath(target.pathname)) return oauthError(404, 'not_found')
    if (request.method === 'POST' && target.pathname.startsWith('/oauth/authorize')) {
      // Our session cookie does not travel with another site's POST (SameSite), so there is only GET.
      return oauthError(405, 'invalid_request', { allow: 'GET, HEAD' })
    }
    const body = await readBoundedBody(request)
    if (!body) return oauthError(413, 'invalid_request')
    if (request.method === 'POST') {
      const respond = () => post(request, target, body, address)
      return watched(target.pathname, formOf(body), address, respond)
    }
    if (target.pathname === DEVICE_PATH) return enterCode(bridge, request, target, address)
    const asked = target.pathname === '/oauth/authorize' ? asUnderstood(target) : target
    const response = await bridge.respond(request, asked, body, { address })
    if (target.pathname === '/oauth/authorize') return withoutOpenRedirect(deps, target, response)
    const isMetadata = target.pathname.startsWith('/.well-known/') && response.ok
    return isMetadata ? asPublished(response, deps.exchange !== undefined) : response
  }
}

/**
 * RFC 9700 §4.11.2: anybody can register a program with any address, so a link to us that sends a browser on to that
 * address by itself would lend it our name. Before a person took part, such a program gets an error page.
 */
async function withoutOpenRedirect(
  { errorPage, isOurs, url }: { errorPage: ErrorPage; isOurs: (clientId: string) => boolean; url: string },
  { searchParams: asked }: URL,
  response: Response,
): Promise<Response> {
  const to = URL.parse(response.headers.get('location') ?? '', url)
  if (to === null || to.origin === url || isOurs(asked.get('client_id') ?? '')) return response
  const page = await errorPage({
    error: to.searchParams.get('error') ?? 'access_denied',
    description: to.searchParams.get('error_description') ?? undefined,
  })
  return new Response(page.html, {
    status: 400,
    headers: { ...page.headers, 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' },
  })
}

/** What only our own parts may ask for is not named in the metadata, nor what needs a page with a script. */
async function asPublished(response: Response, exchanges: boolean): Promise<Response> {
  const metadata = v.parse(json, await response.json())
  return Response.json(
    {
      ...metadata,
      response_types_supported: ['code'],
      response_modes_supported: ['query'],
      grant_types_supported: [
        'authorization_code',
        'refresh_token',
        DEVICE_GRANT,
        ...(exchanges ? [TOKEN_EXCHANGE_GRANT] : []),
      ],
    },
    { headers: response.headers },
  )
}

/**
 * RFC 8628 §3.3.1: the link that a device shows may have the code in it. The provider would respond with a
 * page that sends itself by a script; ours shows the form with the code filled in.
 */
function enterCode(bridge: Bridge, request: Request, target: URL, address: string): Promise<Response> {
  const code = target.searchParams.get('user_code') ?? ''
  const url = new URL(target)
  url.search = ''
  // Into a header goes only what can be a code.
  const typed = /^[A-Za-z0-9-]{1,40}$/.test(code) ? { [USER_CODE_HEADER]: code } : {}
  return bridge.respond(request, url, Buffer.alloc(0), { address, headers: typed })
}

/** RFC 6749 §3.3: without a scope, the default one. The consent page lists what that is. */
const DEFAULT_SCOPE = ['openid', 'profile', 'email', ...ALL_SCOPES].join(' ')

/** A mode that no provider has: its response to it is the one that ours needs, redirect and all. */
const NO_MODE = 'none'

/**
 * An authorization request with what it left out. The provider cannot be told to respond by `query` alone: it would
 * also post a form, by a page with a script, and put the code behind a `#`.
 */
function asUnderstood(target: URL): URL {
  const url = new URL(target)
  const { searchParams: asked } = url
  if (!asked.get('scope')) asked.set('scope', DEFAULT_SCOPE)
  const modes = asked.getAll('response_mode').filter((mode) => mode !== '')
  if (modes.some((mode) => mode !== 'query')) asked.set('response_mode', NO_MODE)
  return url
}

function formOf(body: Buffer): URLSearchParams {
  return new URLSearchParams(body.toString())
}

function isJwt(token: string | null): boolean {
  return token !== null && token.split('.').length === 3
}

function parse(body: Buffer): unknown {
  try {
    const parsed: unknown = JSON.parse(body.toString())
    return Array.isArray(parsed) ? undefined : v.parse(json, parsed)
  } catch {
    return undefined
  }
}
