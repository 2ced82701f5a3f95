/**
 * Owns: the login at one remote server, in memory: it starts when the server asks for a token or for more scopes, runs
 * once however many requests wait for it, and is refreshed before it expires.
 * Refuses: to send what one authorization server issued to another.
 */
import { Fault } from '../../contract/fault.ts'
import { callbackUri } from '../../contract/cli-oauth-client.ts'
import { present } from '../../contract/omit-undefined.ts'
import type { FlowUi, TokenSet } from '../../flows/flow-types.ts'
import type { Provider } from '../../flows/server-discovery.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Fetch } from '../../platform/fetch-type.ts'
import { type ClientAtServer, clientAt, type ClientSettings } from './client-at-server.ts'
import { discoverAuthorization } from './discover-authorization.ts'
import type { Challenge } from './read-challenge.ts'

export interface RemoteLoginOptions {
  url: string
  /** Of requests to authorization servers. */
  fetch: Fetch
  clock: Clock
  /** Ends with the proxy. */
  signal: AbortSignal
  client: ClientSettings
  /** Undefined: as the server's metadata say; false: the server is not told what the tokens are for. */
  resource: string | false | undefined
  /** How long the person may take. */
  timeoutMs: number
  /** Where the callback listener may stand, in this order; the first that is free. */
  freePort(): number
  openUrl(url: string): Promise<boolean>
  /** What the person should know: the address to open, above all. */
  say(line: string): void
}

/** A login that waits for a person. */
export interface LoginPrompt {
  /** Once it is known. */
  url: string | undefined
  /** Whether a browser was opened; undefined until that is known. */
  opened: boolean | undefined
}

export interface RemoteLogin {
  /** The tokens to send, refreshed where they are about to expire; undefined before the first login. */
  tokens(): Promise<TokenSet | undefined>
  /**
   * Other tokens than those that were refused, by a refresh or by a login.
   * @throws Fault of the flow, such as `login_timeout`; the next call starts anew
   */
  renewed(used: TokenSet | undefined, challenge: Challenge): Promise<TokenSet>
  /** The login that waits for a person, now. */
  prompt(): LoginPrompt | undefined
  /** Resolves when there is one. */
  prompted(): Promise<void>
  /** Resolves when the address of that one is known. */
  addressed(): Promise<void>
}

interface Held {
  provider: Provider
  client: ClientAtServer
  resource: string | undefined
  tokens: TokenSet
}

/** A token that is about to expire is refreshed before it is sent. */
const REFRESH_BEFORE_MS = 30_000

export function remoteLogin(options: RemoteLoginOptions): RemoteLogin {
  const { url, fetch, clock, signal } = options
  const clients = new Map<string, ClientAtServer>()
  let held: Held | undefined
  let flight: Promise<TokenSet> | undefined
  let prompt: LoginPrompt | undefined
  let prompted = Promise.withResolvers<void>()
  let addressed = Promise.withResolvers<void>()
  let port: number | undefined

  /** @returns undefined where the refresh token is worth nothing any more */
  async function refresh({ provider, client, resource, tokens }: Held): Promise<TokenSet | undefined> {
    const { refreshToken, scopes, dpopKey } = tokens
    if (refreshToken === undefined) return undefined
    const { refreshTokens } = await import('../../flows/refresh-grant.ts')
    const { issuer, tokenEndpoint } = provider
    const request = {
      issuer,
      tokenEndpoint,
      refreshToken,
      scopes,
      ...client,
      ...present({ resource, dpopKey }),
    }
    const result = await refreshTokens(request, { clock, fetch, signal })
    if (result.kind !== 'renewed') return undefined
    held = { provider, client, resource, tokens: present({ ...result.tokens, dpopKey }) }
    return held.tokens
  }

  async function logIn(challenge: Challenge): Promise<TokenSet> {
    prompt = { url: undefined, opened: undefined }
    prompted.resolve()
    try {
      const found = await discoverAuthorization(url, challenge, { fetch, signal })
      const { provider } = found
      port ??= options.freePort()
      const client = await knownClient(provider, callbackUri(port))
      const resource = options.resource === undefined ? found.resource : options.resource || undefined
      const scopes = scopesFor(challenge, found.scopesSupported, provider)
      const tokens = await approve({ provider, ...client, scopes, ...present({ resource }) }, port)
      held = { provider, client, resource, tokens }
      return tokens
    } finally {
      prompt = undefined
      prompted = Promise.withResolvers()
      addressed = Promise.withResolvers()
    }
  }

  async function knownClient(provider: Provider, redirectUri: string): Promise<ClientAtServer> {
    const known = clients.get(provider.issuer)
    if (known !== undefined) return known
    const client = await clientAt(provider, redirectUri, options.client, { fetch, signal })
    clients.set(provider.issuer, client)
    return client
  }

  /** The challenge says which scopes; where it does not, all that the resource has. What was granted stays. */
  function scopesFor(
    { kind, scopes }: Challenge,
    supported: readonly string[],
    provider: Provider,
  ): string[] {
    const granted =
      kind === 'more-scopes' && held?.provider.issuer === provider.issuer ? held.tokens.scopes : []
    const wanted = [...new Set([...granted, ...(scopes.length > 0 ? scopes : supported)])]
    const offline = provider.scopesSupported?.includes('offline_access') === true
    return offline && !wanted.includes('offline_access') ? [...wanted, 'offline_access'] : wanted
  }

  async function approve(
    request: { provider: Provider; scopes: string[]; resource?: string } & ClientAtServer,
    at: number,
  ): Promise<TokenSet> {
    const { browserFlow } = await import('../../flows/browser-login.ts')
    const { pushingOnDemand } = await import('../../flows/authorization-code-grant.ts')
    const flow = pushingOnDemand((asked, context) => browserFlow(asked, context, [at]))
    const context = { ui: ui(), clock, fetch, signal, timeoutMs: options.timeoutMs }
    const obtained = await flow(request, context).catch((error: unknown) => {
      // The port can be taken by now: the next login registers another one.
      if (error instanceof Fault && error.code === 'failed') clients.delete(request.provider.issuer)
      port = undefined
      throw error
    })
    await obtained.conclude({ ok: true })
    return obtained.tokens
  }

  function ui(): FlowUi {
    return {
      say: options.say,
      openUrl: async (address) => {
        if (prompt !== undefined) prompt.url = address
        addressed.resolve()
        const opened = await options.openUrl(address)
        if (prompt !== undefined) prompt.opened = opened
        return opened
      },
      showQr: async () => {},
      lines: undefined,
      remote: false,
      // Who reads the log, or the result of a tool, can open the address.
      attended: true,
    }
  }

  function inFlight(work: () => Promise<TokenSet>): Promise<TokenSet> {
    flight ??= work().finally(() => (flight = undefined))
    return flight
  }

  return {
    tokens: async () => {
      if (flight !== undefined) return flight
      const { expiresAt, refreshToken } = held?.tokens ?? {}
      const isDue = expiresAt !== undefined && expiresAt - clock.now() < REFRESH_BEFORE_MS
      if (held === undefined || !isDue || refreshToken === undefined) return held?.tokens
      const before = held
      // One that cannot be refreshed is sent as it is: the server then says what it wants.
      return inFlight(async () => (await refresh(before).catch(() => undefined)) ?? before.tokens)
    },
    renewed: async (used, challenge) => {
      if (held !== undefined && held.tokens !== used) return held.tokens
      return inFlight(async () => {
        const before = challenge.kind === 'no-token' ? held : undefined
        const refreshed = before && (await refresh(before))
        return refreshed ?? logIn(challenge)
      })
    },
    prompt: () => prompt,
    prompted: () => prompted.promise,
    addressed: () => addressed.promise,
  }
}
