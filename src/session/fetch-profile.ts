/** Whose a credential is, which is also the check that the server accepts it. */
import * as v from 'valibot'
import { Fault } from '../contract/fault.ts'
import { present } from '../contract/omit-undefined.ts'
import type { Identity } from '../flows/flow-types.ts'
import type { Userinfo, UserinfoServer } from '../flows/read-userinfo.ts'
import type { Secret } from '../redact/secret.ts'
import { type Api, openApi, type ServerContext } from './api-client.ts'
import { authorizationOf } from './build-authorization-header.ts'
import { tracedContext } from './trace-requests-for-debug.ts'
import { strategyOf } from './find-login-strategy.ts'

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
  userinfo?: UserinfoServer
  /** The key that the token is bound to. */
  dpopKey?: Secret
}

/**
 * Asks the profile call; else the UserInfo endpoint; else what the ID token said holds. A server that is not fob's may
 * refuse a path that it does not know (LemonLDAP::NG responds with 401), so a refusal of the profile call counts only
 * where UserInfo refuses as well, or is not there.
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
  const { username, dpopKey } = known
  const authorization = authorizationOf({ token, username, dpopKey })
  const proving = async () =>
    dpopKey && (await import('../flows/dpop/dpop.ts')).provingFetch(dpopKey, context)
  const api = openApi({ ...context, tenant, authorization: async () => authorization, proving })
  const asked = await askProfile(api)
  if (asked.kind === 'profile') return asked.profile
  const isBasic = username !== undefined
  if (asked.kind === 'refused' && (isBasic || (await strategyOf(context)) !== undefined)) {
    throw refusal(asked.fault, context)
  }
  const userinfo: Userinfo = isBasic ? { kind: 'nobody' } : await askUserinfo(context, token, known)
  if (userinfo.kind === 'user') return profileFrom(userinfo.identity)
  const { issued = false, identity } = known
  // The endpoint may ask for a scope that this token lacks; a token that was given to us has no other witness.
  const lacksScope = userinfo.kind === 'forbidden' && issued
  if (asked.kind === 'refused' && !lacksScope) throw refusal(asked.fault, context, userinfo)
  if (issued || identity !== undefined) return profileFrom(identity)
  if (userinfo.kind !== 'nobody') throw notAccepted(context)
  throw new Fault('failed', `${context.server} has no /api/v1/profile to check this with`, {
    hint: 'is this the address of the API? name another with -s URL',
  })
}

function profileFrom(identity: Identity | undefined): Profile {
  return { id: identity?.subject, name: identity?.name, email: identity?.email }
}

type ProfileResult =
  | { kind: 'profile'; profile: Profile }
  /** It responds with a page, redirects elsewhere, or names nobody: that shows nothing about the credential. */
  | { kind: 'none' }
  /** 401 or 403, from a server that may say so of any path. */
  | { kind: 'refused'; fault: Fault }

/** Of a path or a method that a server does not know. */
const NOT_THERE: ReadonlySet<number> = new Set([404, 405, 501])

async function askProfile(api: Api): Promise<ProfileResult> {
  try {
    const response = await api.request({ method: 'GET', path: '/api/v1/profile', schema: v.unknown() })
    const parsed = v.safeParse(profileSchema, response)
    if (!parsed.success || !namesSomebody(parsed.output)) return { kind: 'none' }
    return { kind: 'profile', profile: parsed.output }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    const { status = 0 } = error
    if (NOT_THERE.has(status) || (status >= 300 && status < 400)) return { kind: 'none' }
    const isRefusal = error.code === 'unauthenticated' || error.code === 'forbidden'
    if (isRefusal && (status === 401 || status === 403)) return { kind: 'refused', fault: error }
    throw error
  }
}

function namesSomebody({ id, name, email }: Profile): boolean {
  return [id, name, email].some((word) => word != null && word !== '')
}

async function askUserinfo(context: ServerContext, token: Secret, known: Known): Promise<Userinfo> {
  const { readUserinfo, userinfoOf } = await import('../flows/read-userinfo.ts')
  const server = known.userinfo ?? userinfoOf(await published(context))
  if (server === undefined) return { kind: 'nobody' }
  const tokens = present({ accessToken: token, dpopKey: known.dpopKey })
  return readUserinfo(server, tokens, known.identity?.subject, tracedContext(context))
}

async function published(context: ServerContext) {
  const { discoverProvider } = await import('../flows/server-discovery.ts')
  return discoverProvider(context.server, tracedContext(context))
}

/** What the profile call's 401 or 403 means, where nothing else vouches for the credential. */
function refusal(fault: Fault, context: ServerContext, userinfo: Userinfo = { kind: 'nobody' }): Fault {
  // It names the credential.
  if (fault.code === 'unauthenticated' && context.credential !== undefined) return fault
  if (fault.code === 'unauthenticated' || userinfo.kind === 'refused') return notAccepted(context)
  const hint =
    fault.hint ?? 'the credential may lack a scope; name those to ask for with fob auth login --scope'
  return new Fault(fault.code, fault.message, { hint })
}

function notAccepted({ server, credential = 'this credential' }: ServerContext): Fault {
  return new Fault('unauthenticated', `${server} does not accept ${credential}`, {
    hint: 'is it complete, meant for this server, and not revoked?',
  })
}
