/** Whose a credential is, which is also the check that the server accepts it. */
import * as v from 'valibot'
import { Fault } from '../contract/fault.ts'
import type { Identity } from '../flows/flow-types.ts'
import type { Secret } from '../redact/secret.ts'
import { type Api, openApi, type ServerContext } from './api-client.ts'
import { authorizationOf } from './authorization-header.ts'

/** What we read of `GET /api/v1/profile`. Profiles of other servers have other fields: one name is enough. */
const profileSchema = v.looseObject({
  id: v.nullish(v.union([v.string(), v.number()])),
  name: v.nullish(v.string()),
  email: v.nullish(v.string()),
  tenant: v.nullish(v.string()),
})
export type Profile = v.InferOutput<typeof profileSchema>

/** What is known of a token already, for a server without a profile call. */
export interface Known {
  /** Set for Basic: the token is the password that goes with this name. */
  username?: string
  /** The server has just issued the token: that it works needs no other proof. */
  issued?: boolean
  /** From the ID token. */
  identity?: Identity
  userinfoEndpoint?: string
}

/**
 * Asks the profile call; else the UserInfo endpoint; else what the ID token said holds.
 * @param tenant the slug in which the server is asked.
 * @throws Fault `unauthenticated` when the server does not accept the credential; `signature_refused`; `failed`
 * when there is no way to ask; `unreachable`, `server_error`, `forbidden`.
 */
export async function profileOf(
  context: ServerContext,
  token: Secret,
  tenant: string | undefined,
  known: Known = {},
): Promise<Profile> {
  const authorization = authorizationOf(token, known.username)
  const api = openApi({ ...context, tenant, authorization: async () => authorization })
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
 * Undefined from a server that has no such call: it responds with 404, with a page, or with something that names
 * nobody, which shows nothing about the credential.
 */
async function askProfile(api: Api, server: string): Promise<Profile | undefined> {
  try {
    const response = await api.request({ method: 'GET', path: '/api/v1/profile', schema: v.unknown() })
    const parsed = v.safeParse(profileSchema, response)
    return parsed.success && namesSomebody(parsed.output) ? parsed.output : undefined
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    if (error.code === 'not_found') return undefined
    if (error.code === 'unauthenticated') throw notAccepted(server)
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
  const { readUserinfo } = await import('../flows/read-userinfo.ts')
  const endpoint = userinfoEndpoint ?? (await publishedUserinfo(context))
  if (endpoint === undefined) return identity
  const found = await readUserinfo(endpoint, token, identity?.subject, context)
  if (found !== 'refused') return found ?? identity
  // The endpoint may ask for a scope that this token lacks; a token that was given to us has no other witness.
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
