/** The parts that the stand-ins for OpenID Connect providers share. */
import { createHash, randomBytes } from 'node:crypto'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import {
  newBehaviour,
  obstacle,
  type RotatingTokens,
  rotatingTokens,
  type StandIn,
} from './stand-in-behaviour.ts'

/**
 * What the identity providers with OpenID Connect have in common: the code flow with PKCE, nonce and RS256 ID tokens.
 */
export interface OpenidStandIn extends StandIn {
  /** Changed in the next ID token: another nonce, issuer, audience … */
  forge: Record<string, unknown>
  /** Sign the next ID tokens with a key that is not published. */
  foreignKey: boolean
  /** Tokens that work. */
  tokens: RotatingTokens
  /** Whether a refresh token comes with a login. */
  refreshable: boolean
}

export interface OpenidShape {
  clientId: string
  /** Paths; `metadata` is told the stand-in's own address. */
  paths: { metadata: string; authorize: string; token: string; keys: string }
  metadata(url: string): Record<string, unknown>
  /** The claims of an ID token beside `aud`, `exp`, `iat` and `nonce`. */
  claims(url: string): Record<string, unknown>
  /** The parameters of a refusal by the person. */
  denial: Record<string, string>
  /** The body of a refused token request. */
  tokenError(error: 'invalid_grant' | 'invalid_client'): Record<string, unknown>
  /** Everything else. */
  api(request: Request, url: URL, authorized: boolean): Response | undefined
}

export async function startOpenid(shape: OpenidShape, callback: string): Promise<OpenidStandIn> {
  const published = await generateKeyPair('RS256', { extractable: true })
  const foreign = await generateKeyPair('RS256')
  const jwk = { ...(await exportJWK(published.publicKey)), kid: 'key-1', use: 'sig', alg: 'RS256' }
  const codes = new Map<string, { challenge: string; redirectUri: string; nonce: string | null }>()
  const state: Omit<OpenidStandIn, 'url' | 'stop'> = {
    clientId: shape.clientId,
    clientSecret: `secret-${randomBytes(16).toString('hex')}`,
    behaviour: newBehaviour(),
    requests: [],
    authorizations: [],
    forge: {},
    foreignKey: false,
    tokens: rotatingTokens(),
    refreshable: true,
  }

  const authorize = (query: URLSearchParams): Response => {
    state.authorizations.push(query)
    const redirectUri = query.get('redirect_uri') ?? ''
    if (query.get('client_id') !== state.clientId || redirectUri !== callback) {
      return new Response('The redirect URI included is not valid.', { status: 400 })
    }
    const back = new URL(redirectUri)
    if (state.behaviour.consent === 'deny') {
      for (const [name, value] of Object.entries(shape.denial)) back.searchParams.set(name, value)
    } else {
      const code = randomBytes(16).toString('hex')
      const challenge = query.get('code_challenge') ?? ''
      codes.set(code, { challenge, redirectUri, nonce: query.get('nonce') })
      back.searchParams.set('code', code)
    }
    back.searchParams.set('state', state.behaviour.state ?? query.get('state') ?? '')
    return new Response(null, { status: 302, headers: { location: back.href } })
  }

  const exchange = async (form: URLSearchParams): Promise<Response> => {
    if (form.get('client_id') !== state.clientId || form.get('client_secret') !== state.clientSecret) {
      return Response.json(shape.tokenError('invalid_client'), { status: 401 })
    }
    if (form.get('grant_type') === 'refresh_token') {
      const rotated = state.tokens.rotate(form.get('refresh_token') ?? '')
      return rotated
        ? tokenResponse(rotated)
        : Response.json(shape.tokenError('invalid_grant'), { status: 400 })
    }
    const found = codes.get(form.get('code') ?? '')
    codes.delete(form.get('code') ?? '')
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    const fits = found?.challenge === challenge && found.redirectUri === form.get('redirect_uri')
    if (!found || !fits || state.behaviour.codesExpired) {
      return Response.json(shape.tokenError('invalid_grant'), { status: 400 })
    }
    return tokenResponse(state.tokens.issue(), found.nonce)
  }

  const tokenResponse = async (
    { access, refresh }: { access: string; refresh: string },
    nonce: string | null = null,
  ): Promise<Response> => {
    const now = Math.floor(Date.now() / 1000)
    const claims = { ...shape.claims(base()), aud: state.clientId, iat: now, exp: now + 3600 }
    const idToken = await new SignJWT({ ...claims, ...(nonce === null ? {} : { nonce }), ...state.forge })
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: 'key-1' })
      .sign(state.foreignKey ? foreign.privateKey : published.privateKey)
    return Response.json({
      access_token: access,
      token_type: 'Bearer',
      expires_in: 3600,
      scope: 'openid profile email',
      id_token: idToken,
      ...(state.refreshable ? { refresh_token: refresh } : {}),
    })
  }

  const server: Bun.Server<undefined> = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    fetch: async (request) => {
      const url = new URL(request.url)
      state.requests.push(`${request.method} ${url.pathname}`)
      const blocked = await obstacle(state.behaviour, request)
      if (blocked) return blocked
      switch (url.pathname) {
        case shape.paths.metadata:
          return Response.json(shape.metadata(base()))
        case shape.paths.authorize:
          return authorize(url.searchParams)
        case shape.paths.token:
          return exchange(new URLSearchParams(await request.text()))
        case shape.paths.keys:
          return Response.json({ keys: [jwk] })
        default: {
          const token = request.headers.get('authorization')?.replace(/^Bearer /, '') ?? ''
          return shape.api(request, url, state.tokens.access.has(token)) ?? new Response('', { status: 404 })
        }
      }
    },
  })
  const base = (): string => `http://127.0.0.1:${server.port}`
  return Object.assign(state, { url: base(), stop: () => server.stop(true) })
}
