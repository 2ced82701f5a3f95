import * as v from 'valibot'
import { healthResponse } from '../contract/api/health.ts'
import { Fault } from '../contract/fault.ts'
import type { Identity, TokenSet } from '../flows/flow.ts'
import { safeLine } from '../platform/terminal/printable-text.ts'
import type { Secret } from '../redact/secret.ts'
import type { Credential, Login, OAuthClient, Replaced, Saved, Store } from '../store/store.ts'
import { type Api, type ApiOptions, openApi } from './api-client.ts'
import { authorizationOf } from './authorization-header.ts'

/** What we take from `GET /api/v1/profile` (S209). Other servers' profiles have other fields: one name is enough. */
const profileSchema = v.looseObject({
  id: v.nullish(v.union([v.string(), v.number()])),
  name: v.nullish(v.string()),
  email: v.nullish(v.string()),
  tenant: v.nullish(v.string()),
})

export type ServerContext = Omit<ApiOptions, 'authorization' | 'tenant'>

/**
 * How a server wants to be logged in to, by its `/health`; undefined for one that is not ours or does not say.
 * @throws Fault `unreachable`, `server_error`.
 */
export async function strategyOf(context: ServerContext): Promise<'open' | 'basic' | 'oauth' | undefined> {
  const api = apiWith(context, undefined, undefined)
  const answer = v.looseObject({ strategy: healthResponse.entries.strategy })
  try {
    return (await api.request({ method: 'GET', path: '/health', schema: answer })).strategy
  } catch (error) {
    const down = !(error instanceof Fault) || error.code === 'unreachable' || error.code === 'interrupted'
    if (down) throw error
    return undefined
  }
}

export interface LoginInput {
  context: ServerContext
  store: Store
  kind: Login['kind']
  tokens: TokenSet
  /** Of `basic` alone: the name that goes with the password, which stands where others have their token. */
  username?: string
  oauth?: OAuthClient
  /** Of the ID token, and where to ask for more: what names the user where there is no profile call. */
  identity?: Identity
  userinfoEndpoint?: string
  /** The slug that the user named; else the profile's own is captured (S197). */
  tenant: string | undefined
  /** `--insecure-storage`. */
  preferFile: boolean
}

/**
 * The end of every login: the profile call, which is the check that the token works (S224), then the save.
 * Nothing is saved when it does not.
 * @throws Fault `unauthenticated` when the server does not accept the token; what the store throws.
 */
export async function completeLogin(
  input: LoginInput,
): Promise<{ login: Login; saved: Saved & { replaced?: Replaced } }> {
  const { context, store, tokens, oauth } = input
  const profile = await profileOf(context, tokens.accessToken, input.tenant, {
    ...input,
    issued: input.kind === 'oauth',
  })
  const tenant = input.tenant ?? profile.tenant ?? undefined
  const login: Login = {
    server: context.server,
    kind: input.kind,
    ...(input.username === undefined ? {} : { username: input.username }),
    scopes: tokens.scopes,
    user: {
      ...(profile.id == null ? {} : { id: safeLine(String(profile.id)) }),
      ...(profile.name == null ? {} : { name: safeLine(profile.name) }),
      ...(profile.email == null ? {} : { email: safeLine(profile.email) }),
    },
    ...(tokens.expiresAt === undefined ? {} : { expiresAt: tokens.expiresAt }),
    ...(tenant === undefined ? {} : { tenant: safeLine(tenant, 128) }),
    ...(oauth === undefined ? {} : { oauth }),
  }
  const credential: Credential = {
    ...login,
    token: tokens.accessToken,
    ...(tokens.refreshToken === undefined ? {} : { refreshToken: tokens.refreshToken }),
  }
  // From here on it is the person's login: Ctrl-C comes before or after, not in between.
  context.signal.throwIfAborted()
  return { login, saved: await store.save(credential, { preferFile: input.preferFile }) }
}

export type Profile = v.InferOutput<typeof profileSchema>

/** What helps to find out who a token belongs to where there is no profile call. */
export interface Known {
  /** Set for Basic: the token is the password that goes with this name. */
  username?: string
  /** The server gave us the token a moment ago: that it works needs no other proof. */
  issued?: boolean
  identity?: Identity
  userinfoEndpoint?: string
}

/**
 * Who a credential belongs to, which is also the check that the server accepts it: the profile call, else the
 * UserInfo endpoint, else what the ID token said.
 * @throws Fault `unauthenticated` when the server does not accept it; `failed` when there is no way to ask;
 * `unreachable`, `server_error`, `forbidden`.
 */
export async function profileOf(
  context: ServerContext,
  token: Secret,
  tenant: string | undefined,
  known: Known = {},
): Promise<Profile> {
  const api = apiWith(context, tenant, authorizationOf(token, known.username))
  const profile = await askProfile(api, context.server)
  if (profile !== undefined) return profile
  const identity = known.username === undefined ? await askUserinfo(context, token, known) : undefined
  if (identity === undefined && known.issued !== true) {
    throw new Fault('failed', `${context.server} has no /api/v1/profile to check this with`, {
      hint: 'is this the address of the API? name another with -s URL',
    })
  }
  return { id: identity?.subject, name: identity?.name, email: identity?.email }
}

/**
 * Undefined from a server that has no such call: it answers 404, or with a page, or with something that names
 * nobody, which shows nothing about the credential.
 */
async function askProfile(api: Api, server: string): Promise<Profile | undefined> {
  try {
    const answer = await api.request({ method: 'GET', path: '/api/v1/profile', schema: v.unknown() })
    const parsed = v.safeParse(profileSchema, answer)
    return parsed.success && namesSomebody(parsed.output) ? parsed.output : undefined
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    if (error.code === 'not_found') return undefined
    // One with a hint says more than we could: the token is good, and the signature was not.
    if (error.code === 'unauthenticated' && error.hint === undefined) throw notAccepted(server)
    throw error
  }
}

function namesSomebody({ id, name, email }: Profile): boolean {
  return [id, name, email].some((word) => word != null && word !== '')
}

async function askUserinfo(
  context: ServerContext,
  token: Secret,
  { identity, userinfoEndpoint, issued }: Known,
): Promise<Identity | undefined> {
  const { readUserinfo } = await import('../flows/userinfo.ts')
  const endpoint = userinfoEndpoint ?? (await publishedUserinfo(context))
  if (endpoint === undefined) return identity
  const answer = await readUserinfo(endpoint, token, identity?.subject, context)
  if (answer !== 'refused') return answer ?? identity
  // It may ask for a scope that this token has not; a token that was handed to us has no other witness.
  if (issued !== true) throw notAccepted(context.server)
  return identity
}

async function publishedUserinfo(context: ServerContext): Promise<string | undefined> {
  const { discoverProvider } = await import('../flows/server-discovery.ts')
  return (await discoverProvider(context.server, context)).userinfoEndpoint
}

function notAccepted(server: string): Fault {
  return new Fault('unauthenticated', `${server} does not accept this credential`, {
    hint: 'is it complete, meant for this server, and not revoked?',
  })
}

function apiWith(context: ServerContext, tenant: string | undefined, authorization: Secret | undefined): Api {
  return openApi({ ...context, tenant, authorization: async () => authorization })
}

/** "Ada Lovelace ada@example.com", as far as it is known. */
export function userLine(user: Login['user']): string {
  const words = [user?.name, user?.email].filter((word) => word !== undefined && word !== '')
  return words.length > 0 ? words.join(' ') : (user?.id ?? 'an unnamed account')
}
