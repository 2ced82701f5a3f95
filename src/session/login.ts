import * as v from 'valibot'
import { healthAnswer } from '../contract/api.ts'
import { Fault } from '../contract/fault.ts'
import type { TokenSet } from '../flows/flow.ts'
import { safeLine } from '../platform/text.ts'
import { Secret } from '../redact/secret.ts'
import type { Credential, Login, OAuthClient, Saved, Store } from '../store/store.ts'
import { type Api, type ApiOptions, openApi } from './api.ts'

/** What we take from `GET /api/v1/profile` (S209). Other servers' profiles have other fields: none must be there. */
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
  const answer = v.looseObject({ strategy: healthAnswer.entries.strategy })
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
  oauth?: OAuthClient
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
export async function completeLogin(input: LoginInput): Promise<{ login: Login; saved: Saved }> {
  const { context, store, tokens, oauth } = input
  const profile = await profileOf(context, tokens.accessToken, input.tenant)
  const tenant = input.tenant ?? profile.tenant ?? undefined
  const login: Login = {
    server: context.server,
    kind: input.kind,
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

/** @throws Fault `unauthenticated` when the server does not accept the token. */
export async function profileOf(
  context: ServerContext,
  token: Secret,
  tenant: string | undefined,
): Promise<Profile> {
  const api = apiWith(context, tenant, new Secret(`Bearer ${token.reveal()}`))
  try {
    return await api.request({ method: 'GET', path: '/api/v1/profile', schema: profileSchema })
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    // One with a hint says more than we could: the token is good, and the signature was not.
    if (error.code === 'unauthenticated' && error.hint === undefined) {
      throw new Fault('unauthenticated', `${context.server} does not accept this token`, {
        hint: 'is it complete, meant for this server, and not revoked?',
      })
    }
    if (error.code === 'not_found') {
      throw new Fault('failed', `${context.server} has no /api/v1/profile to check the token with`, {
        hint: 'is this the address of the API? name another with -s URL',
      })
    }
    throw error
  }
}

function apiWith(context: ServerContext, tenant: string | undefined, authorization: Secret | undefined): Api {
  return openApi({ ...context, tenant, authorization: async () => authorization })
}

/** "Ada Lovelace ada@example.com", as far as it is known. */
export function userLine(user: Login['user']): string {
  const words = [user?.name, user?.email].filter((word) => word !== undefined && word !== '')
  return words.length > 0 ? words.join(' ') : (user?.id ?? 'an unnamed account')
}
