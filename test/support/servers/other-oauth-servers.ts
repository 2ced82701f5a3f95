/** OAuth servers of other makers: oidc-provider and oauth2-mock-server. */
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Configuration } from 'oidc-provider'

/** Authorization servers that are not ours, to show that a login needs nothing of ours. */
export interface OtherServer {
  url: string
  /** Every request as `METHOD /path`. */
  requests: string[]
  stop(): Promise<void>
}

export interface BareProviderOptions {
  /** False: neither RFC 8414 nor OpenID discovery, and the conventional paths. */
  discovery: boolean
  deviceFlow?: boolean
  /** Pushed requests are required, tokens are bound to a key and need its nonces, and UserInfo is a JWT. */
  strict?: boolean
}

const ADA = { name: 'Ada Lovelace', email: 'ada@other.example' }

/**
 * oidc-provider as it comes out of the box, with its own pages: other paths, scopes and client than ours,
 * opaque access tokens, RS256. Whoever logs in is Ada, by any password.
 */
export async function startBareProvider({
  discovery,
  deviceFlow,
  strict = false,
}: BareProviderOptions): Promise<OtherServer> {
  const { Provider } = await quietly(() => import('oidc-provider'))
  const prefix = discovery ? '/op' : '/oauth'
  const configuration: Configuration = {
    clients: [
      {
        client_id: 'other-client',
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        redirect_uris: ['http://127.0.0.1/callback'],
        grant_types: [
          'authorization_code',
          'refresh_token',
          ...(deviceFlow === true ? ['urn:ietf:params:oauth:grant-type:device_code'] : []),
        ],
        response_types: ['code'],
        dpop_bound_access_tokens: strict,
        ...(strict ? { userinfo_signed_response_alg: 'RS256' as const } : {}),
      },
    ],
    routes: {
      authorization: discovery ? '/op/auth' : '/oauth/authorize',
      token: discovery ? '/op/tok' : '/oauth/token',
      userinfo: `${prefix}/userinfo`,
      device_authorization: `${prefix}/device_authorization`,
      code_verification: '/activate',
    },
    scopes: ['openid', 'offline_access', 'profile', 'email', 'coffee:brew'],
    claims: { openid: ['sub'], profile: ['name'], email: ['email'] },
    features: {
      devInteractions: { enabled: true },
      pushedAuthorizationRequests: { enabled: strict, requirePushedAuthorizationRequests: strict },
      dPoP: { enabled: strict, nonceSecret: Buffer.alloc(32, 7), requireNonce: () => strict },
      jwtUserinfo: { enabled: strict },
      deviceFlow: {
        enabled: deviceFlow === true,
        userCodeInputSource: async (ctx, form) => void (ctx.body = form),
        userCodeConfirmSource: async (ctx, form) => void (ctx.body = form),
        successSource: async (ctx) => void (ctx.body = 'approved'),
      },
    },
    renderError: async (ctx, { error }) => void (ctx.body = error),
    findAccount: async (_ctx, id) => ({ accountId: id, claims: async () => ({ sub: id, ...ADA }) }),
    pkce: { required: () => true },
    ttl: {
      AccessToken: 3600,
      Session: 600,
      Grant: 600,
      Interaction: 600,
      IdToken: 600,
      DeviceCode: 600,
      RefreshToken: 600,
    },
    cookies: { keys: ['a-test-key'] },
    rotateRefreshToken: true,
  }
  return listen((url) => quietly(async () => new Provider(url, configuration).callback()), {
    hidden: discovery ? undefined : '/.well-known/',
  })
}

/** The address the browser is at, then a login by any name, then consent. */
export const BARE_LOGIN = { login: 'ada', password: 'any' }

export interface MockServerOptions {
  discovery: boolean
  /** False: no UserInfo endpoint either, so that the ID token is all that names the user. */
  userinfo: boolean
  /** What it calls itself where it is not asked; by default what it is called. */
  issuer?: string
}

/** oauth2-mock-server, which approves every request by itself; its user is `johndoe`. */
export async function startMockServer({
  discovery,
  userinfo,
  issuer,
}: MockServerOptions): Promise<OtherServer> {
  const { OAuth2Server } = await import('oauth2-mock-server')
  const mock = new OAuth2Server(undefined, undefined, {
    endpoints: discovery
      ? { authorize: '/mock/go', token: '/mock/swap', ...(userinfo ? {} : { userinfo: '/mock/nobody' }) }
      : {
          wellKnownDocument: '/hidden/configuration',
          authorize: '/oauth/authorize',
          token: '/oauth/token',
          userinfo: userinfo ? '/oauth/userinfo' : '/hidden/userinfo',
        },
  })
  await mock.issuer.keys.generate('RS256')
  mock.service.on('beforeUserinfo', (answer: { body: Record<string, unknown>; statusCode: number }) => {
    if (userinfo) Object.assign(answer.body, { name: 'John Doe', email: 'john@mock.example' })
    else answer.statusCode = 404
  })
  mock.service.on('beforeTokenSigning', ({ payload }: { payload: Record<string, unknown> }) => {
    Object.assign(payload, { name: 'John of the ID token' })
  })
  return listen(async (url) => {
    mock.issuer.url = issuer ?? url
    return mock.service.requestHandler
  }, {})
}

async function listen(
  handlerFor: (url: string) => Promise<RequestListener>,
  { hidden }: { hidden?: string | undefined },
): Promise<OtherServer> {
  const requests: string[] = []
  let handler: RequestListener | undefined
  const server = createServer((req, res) => {
    const path = req.url?.split('?')[0] ?? '/'
    requests.push(`${req.method} ${path}`)
    if (hidden !== undefined && path.startsWith(hidden)) return void res.writeHead(404).end()
    return handler?.(req, res)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  handler = await handlerFor(url)
  return {
    url,
    requests,
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** oidc-provider warns of the runtime and of each default that a real server would change. */
async function quietly<T>(work: () => Promise<T>): Promise<T> {
  const { warn, info } = console
  console.warn = () => {}
  console.info = () => {}
  try {
    return await work()
  } finally {
    Object.assign(console, { warn, info })
  }
}
