/** A strict OAuth server for the tests of the client, whose behaviour can be changed and which records requests. */
import { createHash, randomBytes } from 'node:crypto'

/**
 * A small OAuth server of our own for the client's tests: discovery, authorization code with PKCE, rotating
 * refresh tokens, revocation, profile. It checks what a real one checks and remembers what it was asked.
 */
export interface TestOAuthServer extends AsyncDisposable {
  url: string
  /** Every request as `METHOD /path`. */
  requests: string[]
  /** Form bodies of the token and revocation endpoints, and queries of authorize. */
  seen: Record<'authorize' | 'token' | 'revoke' | 'device', URLSearchParams[]>
  headers: Headers[]
  /** Access tokens that work. */
  valid: Set<string>
  /** What the next requests meet. */
  behaviour: Behaviour
  /** A refresh token that works, as if from an earlier login. */
  mintRefreshToken(): string
  /** No refresh token works any more, as if all had expired. */
  forgetRefreshTokens(): void
  stop(): Promise<void>
}

export interface Behaviour {
  metadata: 'oauth' | 'openid' | 'none'
  issuer?: string
  extraMetadata?: Record<string, unknown>
  /** How long its codes are at least; real ones can be sealed documents of thousands of characters. */
  codeChars?: number
  strategy: 'oauth' | 'open' | 'basic' | 'unknown'
  consent: 'grant' | 'deny' | 'wrong-iss'
  clientId: string
  expiresIn: number | undefined
  rotate: boolean
  /** Null: there is no such call. */
  profile: Record<string, unknown> | null
  /** The claims of the UserInfo endpoint, where there is one. */
  userinfo?: Record<string, unknown>
  /** What the token endpoint adds to its answers. */
  extraTokens?: Record<string, unknown>
  /** Who may call with Basic authentication, as `user:password`. */
  basic?: string
  /** What the device authorization endpoint adds to its answer or changes of it. */
  device: Record<string, unknown>
  /** What the next polls of a device meet, one each: an error's name, a status, or `ok`. */
  polls: (string | number)[]
  revokeStatus: number
  /** What another server than ours does instead, where it gives a response. */
  instead?: (asked: { path: string; form: URLSearchParams }) => Response | undefined
  /** The token endpoint's response, as another server writes it. */
  writeTokens?: (tokens: Record<string, unknown>) => Response
  /** Errors of the token endpoint come as 401 with a challenge, as RFC 6749 §5.2 allows. */
  challenges?: boolean
}

const CANARY = 'canary'
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'

export function startOAuthServer(changes: Partial<Behaviour> = {}): TestOAuthServer {
  const codes = new Map<string, { challenge: string; redirectUri: string; scope: string }>()
  const refreshTokens = new Set<string>()
  const behaviour: Behaviour = {
    metadata: 'oauth',
    strategy: 'oauth',
    consent: 'grant',
    clientId: 'fob-cli',
    expiresIn: 3600,
    rotate: true,
    profile: { id: 'u1', name: 'Ada Lovelace', email: 'ada@example.com', tenant: null },
    revokeStatus: 200,
    device: {},
    polls: ['ok'],
    ...changes,
  }
  // Polls use it up, and a table of tests may share it.
  behaviour.polls = [...behaviour.polls]
  const state: Pick<TestOAuthServer, 'requests' | 'seen' | 'headers' | 'valid' | 'behaviour'> = {
    requests: [],
    seen: { authorize: [], token: [], revoke: [], device: [] },
    headers: [],
    valid: new Set(),
    behaviour,
  }
  const mint = (scope: string) => {
    const access = `${CANARY}-access-${randomBytes(9).toString('hex')}`
    const refresh = `${CANARY}-refresh-${randomBytes(9).toString('hex')}`
    state.valid.add(access)
    refreshTokens.add(refresh)
    return {
      access_token: access,
      refresh_token: refresh,
      token_type: 'Bearer',
      scope,
      ...(behaviour.expiresIn === undefined ? {} : { expires_in: behaviour.expiresIn }),
      ...behaviour.extraTokens,
    }
  }

  const authorize = (query: URLSearchParams): Response => {
    state.seen.authorize.push(query)
    const redirectUri = query.get('redirect_uri') ?? ''
    if (query.get('client_id') !== behaviour.clientId) return new Response('invalid_client', { status: 400 })
    if (query.get('code_challenge_method') !== 'S256') return new Response('no PKCE', { status: 400 })
    const back = new URL(redirectUri)
    back.searchParams.set('state', query.get('state') ?? '')
    if (behaviour.consent === 'wrong-iss') back.searchParams.set('iss', 'https://evil.example')
    else back.searchParams.set('iss', base())
    if (behaviour.consent === 'deny') {
      back.searchParams.set('error', 'access_denied')
      back.searchParams.set('error_description', 'no \u001b[31mthanks')
    } else {
      const code = randomBytes(9)
        .toString('hex')
        .padEnd(behaviour.codeChars ?? 0, 'x')
      codes.set(code, {
        challenge: query.get('code_challenge') ?? '',
        redirectUri,
        scope: query.get('scope') ?? '',
      })
      back.searchParams.set('code', code)
    }
    return new Response(null, { status: 303, headers: { location: back.href } })
  }

  const writeTokens = (tokens: Record<string, unknown>): Response =>
    behaviour.writeTokens?.(tokens) ?? Response.json(tokens)

  const token = (form: URLSearchParams): Response => {
    state.seen.token.push(form)
    if (form.get('client_id') !== behaviour.clientId) return oauthError('invalid_client')
    if (form.get('grant_type') === 'refresh_token') {
      const given = form.get('refresh_token') ?? ''
      if (!refreshTokens.has(given)) return oauthError('invalid_grant')
      if (behaviour.rotate) refreshTokens.delete(given)
      const { refresh_token: next, ...rest } = mint('pipelines:read')
      return writeTokens(behaviour.rotate ? { ...rest, refresh_token: next } : rest)
    }
    if (form.get('grant_type') === DEVICE_GRANT) return poll(form)
    const grant = codes.get(form.get('code') ?? '')
    codes.delete(form.get('code') ?? '')
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    if (grant?.challenge !== challenge || grant.redirectUri !== form.get('redirect_uri')) {
      return oauthError('invalid_grant')
    }
    return writeTokens(mint(grant.scope))
  }

  const device = (form: URLSearchParams): Response => {
    state.seen.device.push(form)
    return Response.json({
      device_code: `${CANARY}-device`,
      user_code: 'WDJB-MJHT',
      verification_uri: `${base()}/device`,
      verification_uri_complete: `${base()}/device?user_code=WDJB-MJHT`,
      expires_in: 600,
      ...behaviour.device,
    })
  }

  const poll = (form: URLSearchParams): Response => {
    if (form.get('device_code') !== `${CANARY}-device`) return oauthError('invalid_grant')
    const next = behaviour.polls.shift() ?? 'authorization_pending'
    if (typeof next === 'number') return new Response('', { status: next })
    return next === 'ok' ? writeTokens(mint('runs:read')) : oauthError(next)
  }

  const revoke = (form: URLSearchParams): Response => {
    state.seen.revoke.push(form)
    if (behaviour.revokeStatus !== 200) return new Response('', { status: behaviour.revokeStatus })
    state.valid.delete(form.get('token') ?? '')
    refreshTokens.delete(form.get('token') ?? '')
    return new Response(null)
  }

  const metadata = (): Record<string, unknown> => ({
    issuer: behaviour.issuer ?? base(),
    authorization_endpoint: `${base()}/oauth/authorize`,
    token_endpoint: `${base()}/oauth/token`,
    revocation_endpoint: `${base()}/oauth/revoke`,
    device_authorization_endpoint: `${base()}/oauth/device_authorization`,
    ...(behaviour.userinfo === undefined ? {} : { userinfo_endpoint: `${base()}/oauth/userinfo` }),
    response_types_supported: ['code'],
    scopes_supported: ['offline_access', 'pipelines:read', 'runs:read', 'something:else'],
    authorization_response_iss_parameter_supported: true,
    ...behaviour.extraMetadata,
  })

  const challenged = (response: Response): Response => {
    if (response.ok || behaviour.challenges !== true) return response
    const headers = new Headers(response.headers)
    headers.set('www-authenticate', 'Basic realm="tokens"')
    return new Response(response.body, { status: 401, headers })
  }

  const accepts = (request: Request): boolean => {
    const given = request.headers.get('authorization') ?? ''
    const basic = behaviour.basic === undefined ? undefined : `Basic ${btoa(behaviour.basic)}`
    return given === basic || state.valid.has(given.replace(/^Bearer /, ''))
  }

  const server: Bun.Server<undefined> = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: async (request) => {
      const url = new URL(request.url)
      state.requests.push(`${request.method} ${url.pathname}`)
      state.headers.push(request.headers)
      const instead = await behaviour.instead?.({
        path: url.pathname,
        form:
          request.method === 'POST' ? new URLSearchParams(await request.clone().text()) : url.searchParams,
      })
      if (instead !== undefined) return instead
      switch (url.pathname) {
        case '/health':
          if (behaviour.strategy === 'unknown') return new Response('', { status: 404 })
          return Response.json({ status: 'ok', version: '0', strategy: behaviour.strategy })
        case '/.well-known/oauth-authorization-server':
          return behaviour.metadata === 'oauth'
            ? Response.json(metadata())
            : new Response('', { status: 404 })
        case '/.well-known/openid-configuration':
          return behaviour.metadata === 'openid' ? Response.json(metadata()) : new Response('<html>')
        case '/oauth/authorize':
          return authorize(url.searchParams)
        case '/oauth/token':
          return challenged(token(new URLSearchParams(await request.text())))
        case '/oauth/revoke':
          return revoke(new URLSearchParams(await request.text()))
        case '/oauth/device_authorization':
          return device(new URLSearchParams(await request.text()))
        case '/oauth/userinfo':
          if (behaviour.userinfo === undefined) return new Response('', { status: 404 })
          return accepts(request) ? Response.json(behaviour.userinfo) : new Response('', { status: 401 })
        case '/api/v1/profile': {
          if (behaviour.profile === null) return new Response('<html>', { status: 404 })
          if (accepts(request)) return Response.json(behaviour.profile)
          return Response.json({ error: 'unauthorized', message: 'no' }, { status: 401 })
        }
        default:
          return Response.json({ error: 'not_found' }, { status: 404 })
      }
    },
  })
  const base = (): string => `http://127.0.0.1:${server.port}`
  return Object.assign(state, {
    url: base(),
    mintRefreshToken: () => mint('').refresh_token,
    forgetRefreshTokens: () => refreshTokens.clear(),
    stop: () => server.stop(true),
    [Symbol.asyncDispose]: () => server.stop(true),
  })
}

function oauthError(error: string): Response {
  return Response.json({ error, error_description: `because of ${error}` }, { status: 400 })
}
