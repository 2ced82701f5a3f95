/** A stand-in for OAuth servers that are not ours: each quirk is what a real one was seen to do. */
import { createHash, randomBytes } from 'node:crypto'
import * as jose from 'jose'

export interface ForeignQuirks {
  /**
   * Where the metadata is: `slash` is behind a redirect to the same path with a slash (django-oauth-toolkit 1.7);
   * `elsewhere` and `circle` are redirects that lead nowhere; `none` is a server of conventional paths (Passport).
   */
  metadata: 'plain' | 'slash' | 'elsewhere' | 'circle' | 'none'
  extraMetadata: Record<string, unknown>
  /** What any unknown path gets, `GET /api/v1/profile` among them (401 from LemonLDAP::NG). */
  unknown: () => Response
  /** Null: there is no UserInfo endpoint. `foreign-key` is signed by a key that is not published. */
  userinfo: null | 'json' | 'jwt' | 'jwt-foreign-key' | 'jwt-foreign-audience' | 'refused' | 'forbidden'
  claims: Record<string, unknown>
  /** `required` refuses scope `openid` without one (Glewlwyd); the ID token repeats, changes or omits it. */
  nonce: 'required' | 'repeated' | 'changed' | 'omitted'
  /** Null: scope `openid` brings no ID token. */
  idToken: null | Record<string, unknown>
  /** `client` is required of this client, and the metadata do not say so. */
  pushed: 'no' | 'server' | 'client'
  /** `bound`: this client gets key-bound tokens or none, and the refusal is `error` (RFC 9449 §5). */
  dpop: null | { error: string; nonces: boolean }
  devicePath: string | null
  device: Record<string, unknown>
}

export interface ForeignServer extends AsyncDisposable {
  url: string
  requests: string[]
  /** Queries of authorization requests, and forms of the others. */
  seen: Record<'authorize' | 'pushed' | 'token' | 'device', URLSearchParams[]>
  quirks: ForeignQuirks
  /** Ends every token. */
  revokeAll(): void
  /** Access tokens that work, and the thumbprint of the key that each is bound to. */
  valid: Map<string, string | undefined>
  stop(): Promise<void>
}

interface Grant {
  query: URLSearchParams
  redirectUri: string
}

export const foreignName = 'Ada Example'

export async function startForeignServer(changes: Partial<ForeignQuirks> = {}): Promise<ForeignServer> {
  const quirks: ForeignQuirks = {
    metadata: 'plain',
    extraMetadata: {},
    unknown: () =>
      new Response('<h1>no such page</h1>', { status: 404, headers: { 'content-type': 'text/html' } }),
    userinfo: 'json',
    claims: { sub: 'user-1', name: foreignName },
    nonce: 'repeated',
    idToken: null,
    pushed: 'no',
    dpop: null,
    devicePath: null,
    device: {},
    ...changes,
  }
  const keys = await jose.generateKeyPair('ES256', { extractable: true })
  const foreignKeys = await jose.generateKeyPair('ES256')
  const jwk = { ...(await jose.exportJWK(keys.publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }
  const state: Omit<ForeignServer, 'url' | 'revokeAll' | 'stop' | typeof Symbol.asyncDispose> = {
    requests: [],
    seen: { authorize: [], pushed: [], token: [], device: [] },
    quirks,
    valid: new Map(),
  }
  const codes = new Map<string, Grant>()
  const pushedRequests = new Map<string, URLSearchParams>()
  const refreshTokens = new Map<string, string | undefined>()
  const usedProofs = new Set<string>()
  let nonce = random()

  const metadata = (): Record<string, unknown> => ({
    issuer: base(),
    authorization_endpoint: `${base()}/x/authorize`,
    token_endpoint: `${base()}/x/token`,
    ...(quirks.userinfo === null ? {} : { userinfo_endpoint: `${base()}/x/userinfo` }),
    jwks_uri: `${base()}/x/keys`,
    ...(quirks.idToken === null ? {} : { id_token_signing_alg_values_supported: ['ES256'] }),
    ...(quirks.pushed === 'no' ? {} : { pushed_authorization_request_endpoint: `${base()}/x/par` }),
    ...(quirks.pushed === 'server' ? { require_pushed_authorization_requests: true } : {}),
    ...(quirks.dpop === null ? {} : { dpop_signing_alg_values_supported: ['RS256', 'ES256'] }),
    ...(quirks.devicePath === null ? {} : { device_authorization_endpoint: `${base()}${quirks.devicePath}` }),
    scopes_supported: ['openid', 'profile'],
    ...quirks.extraMetadata,
  })

  const discovery = (path: string): Response => {
    if (quirks.metadata === 'none' || !path.includes('openid')) return quirks.unknown()
    if (quirks.metadata === 'elsewhere')
      return away('https://id.example/.well-known/openid-configuration?x=1')
    if (quirks.metadata === 'circle') return away(path)
    if (quirks.metadata === 'slash' && !path.endsWith('/')) return away(`${path}/`)
    return Response.json(metadata())
  }

  const authorize = (asked: URLSearchParams): Response => {
    state.seen.authorize.push(asked)
    const wasPushed = asked.has('request_uri')
    const query = wasPushed ? pushedRequests.get(asked.get('request_uri') ?? '') : asked
    if (query === undefined) return new Response('no such request', { status: 400 })
    if (!query.has('redirect_uri')) return problem('invalid_request')
    const back = new URL(query.get('redirect_uri') ?? '')
    back.searchParams.set('state', query.get('state') ?? '')
    const wantsNonce = quirks.nonce === 'required' && (query.get('scope') ?? '').includes('openid')
    if (wantsNonce && !query.has('nonce')) back.searchParams.set('error', 'invalid_request')
    else if (quirks.pushed !== 'no' && !wasPushed) {
      back.searchParams.set('error', 'invalid_request')
      back.searchParams.set('error_description', 'Pushed Authorization Request must be used')
    } else {
      const code = random()
      codes.set(code, { query, redirectUri: query.get('redirect_uri') ?? '' })
      back.searchParams.set('code', code)
    }
    return new Response(null, { status: 302, headers: { location: back.href } })
  }

  /** The thumbprint of the proof's key; undefined where there is no proof. @throws Response for one that is wrong. */
  const proven = async (request: Request, token?: string): Promise<string | undefined> => {
    const proof = quirks.dpop === null ? null : request.headers.get('dpop')
    if (proof === null) return undefined
    const { payload } = await jose.jwtVerify(proof, jose.EmbeddedJWK, { typ: 'dpop+jwt', maxTokenAge: 60 })
    const { origin, pathname } = new URL(request.url)
    const ath = token === undefined ? undefined : createHash('sha256').update(token).digest('base64url')
    const fits = payload.htm === request.method && payload.htu === origin + pathname && payload.ath === ath
    if (!fits || typeof payload.jti !== 'string' || usedProofs.has(payload.jti))
      throw problem('invalid_dpop_proof')
    usedProofs.add(payload.jti)
    if (quirks.dpop?.nonces === true && payload.nonce !== nonce) throw freshNonce(token !== undefined)
    return jose.calculateJwkThumbprint(jose.decodeProtectedHeader(proof).jwk ?? { kty: 'none' })
  }

  const freshNonce = (isResource: boolean): Response => {
    nonce = random()
    const headers = {
      'dpop-nonce': nonce,
      ...(isResource ? { 'www-authenticate': 'DPoP error="use_dpop_nonce"' } : {}),
    }
    return Response.json({ error: 'use_dpop_nonce' }, { status: isResource ? 401 : 400, headers })
  }

  const token = async (request: Request): Promise<Response> => {
    const form = new URLSearchParams(await request.clone().text())
    state.seen.token.push(form)
    const key = await proven(request)
    if (quirks.dpop !== null && key === undefined) return problem(quirks.dpop.error)
    const type = form.get('grant_type') ?? ''
    if (type === 'refresh_token') return refresh(form.get('refresh_token') ?? '', key)
    if (type.endsWith('device_code')) return Response.json(mint(key))
    const grant = codes.get(form.get('code') ?? '')
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    const fits =
      grant?.query.get('code_challenge') === challenge && grant.redirectUri === form.get('redirect_uri')
    if (grant === undefined || !fits) return problem('invalid_grant')
    codes.delete(form.get('code') ?? '')
    const idToken = await idTokenFor(grant.query)
    return Response.json({ ...mint(key), ...(idToken === undefined ? {} : { id_token: idToken }) })
  }

  const refresh = (given: string, key: string | undefined): Response => {
    if (!refreshTokens.has(given) || refreshTokens.get(given) !== key) return problem('invalid_grant')
    refreshTokens.delete(given)
    return Response.json(mint(key))
  }

  const mint = (key: string | undefined) => {
    const [access, next] = [`access-${random()}`, `refresh-${random()}`]
    state.valid.set(access, key)
    refreshTokens.set(next, key)
    const type = key === undefined ? 'Bearer' : 'DPoP'
    return { access_token: access, refresh_token: next, token_type: type, expires_in: 3600 }
  }

  const signed = (claims: Record<string, unknown>, isForeign = false) =>
    new jose.SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      .sign(isForeign ? foreignKeys.privateKey : keys.privateKey)

  const idTokenFor = async (query: URLSearchParams): Promise<string | undefined> => {
    if (quirks.idToken === null) return undefined
    const now = Math.floor(Date.now() / 1000)
    const sent = query.get('nonce')
    const said = quirks.nonce === 'changed' ? 'another' : quirks.nonce === 'omitted' ? null : sent
    const aud = query.get('client_id') ?? ''
    return signed({
      iss: base(),
      aud,
      iat: now,
      exp: now + 600,
      ...quirks.claims,
      ...(said === null ? {} : { nonce: said }),
      ...quirks.idToken,
    })
  }

  const bearerOf = async (request: Request): Promise<boolean> => {
    const [scheme, value = ''] = (request.headers.get('authorization') ?? '').split(' ')
    if (!state.valid.has(value)) return false
    const key = state.valid.get(value)
    if (key === undefined) return scheme === 'Bearer'
    return scheme === 'DPoP' && (await proven(request, value)) === key
  }

  const userinfo = async (request: Request): Promise<Response> => {
    if (quirks.userinfo === 'forbidden') return problem('insufficient_scope', 403)
    if (quirks.userinfo === 'refused' || !(await bearerOf(request))) return problem('invalid_token', 401)
    if (quirks.userinfo === 'json') return Response.json(quirks.claims)
    const aud = quirks.userinfo === 'jwt-foreign-audience' ? 'another-client' : 'other-client'
    const jwt = await signed({ iss: base(), aud, ...quirks.claims }, quirks.userinfo === 'jwt-foreign-key')
    return new Response(jwt, { headers: { 'content-type': 'application/jwt; charset=utf-8' } })
  }

  const push = async (request: Request): Promise<Response> => {
    const form = new URLSearchParams(await request.clone().text())
    await proven(request)
    state.seen.pushed.push(form)
    const uri = `urn:ietf:params:oauth:request_uri:${random()}`
    pushedRequests.set(uri, form)
    return Response.json({ request_uri: uri, expires_in: 60 }, { status: 201 })
  }

  const device = async (request: Request): Promise<Response> => {
    state.seen.device.push(new URLSearchParams(await request.text()))
    const given = {
      device_code: random(),
      user_code: 'WDJB-MJHT',
      verification_uri: `${base()}/device`,
      expires_in: 600,
    }
    return Response.json({ ...given, ...quirks.device })
  }

  const handle = async (request: Request, path: string, query: URLSearchParams): Promise<Response> => {
    if (path.startsWith('/.well-known/')) return discovery(path)
    const paths = quirks.metadata === 'none' ? '/oauth' : '/x'
    if (path === quirks.devicePath && request.method === 'POST') return device(request)
    if (path === `${paths}/authorize`) return authorize(query)
    if (path === `${paths}/token`) return token(request)
    if (path === `${paths}/userinfo` && quirks.userinfo !== null) return userinfo(request)
    if (path === '/x/keys') return Response.json({ keys: [jwk] })
    if (path === '/x/par') return push(request)
    if (path.startsWith('/api/') && quirks.dpop !== null) {
      if (!(await bearerOf(request))) return problem('invalid_token', 401)
      if (path === '/api/v1/profile') return Response.json({ id: 1, name: foreignName })
    }
    return quirks.unknown()
  }

  const server: Bun.Server<undefined> = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: async (request) => {
      const { pathname, searchParams } = new URL(request.url)
      state.requests.push(`${request.method} ${pathname}`)
      return handle(request, pathname, searchParams).catch((thrown: unknown) => {
        if (thrown instanceof Response) return thrown
        throw thrown
      })
    },
  })
  const base = (): string => `http://127.0.0.1:${server.port}`
  return Object.assign(state, {
    url: base(),
    revokeAll: () => [state.valid, refreshTokens].forEach((tokens) => tokens.clear()),
    stop: () => server.stop(true),
    [Symbol.asyncDispose]: () => server.stop(true),
  })
}

function away(location: string): Response {
  return new Response(null, { status: 301, headers: { location } })
}

function problem(error: string, status = 400): Response {
  const headers = status === 401 ? { 'www-authenticate': `DPoP error="${error}"` } : {}
  return Response.json({ error }, { status, headers })
}

function random(): string {
  return randomBytes(12).toString('hex')
}
