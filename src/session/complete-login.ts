/** The last step of every login: the check that the credential works, then the save. */
import { Fault } from '../contract/fault.ts'
import { present } from '../contract/omit-undefined.ts'
import type { Identity, TokenSet } from '../flows/flow-types.ts'
import type { UserinfoServer } from '../flows/read-userinfo.ts'
import { safeLine } from '../platform/terminal/make-text-printable.ts'
import type { Login, LoginWorkload, OAuthClient, SavedLogin, Store } from '../store/store-interface.ts'
import type { ServerContext } from './api-client.ts'
import { type Profile, profileOf } from './fetch-profile.ts'
import { isTenantSlug } from './resolve-server-and-credential.ts'

export interface LoginInput {
  context: ServerContext
  store: Store
  kind: Login['kind']
  tokens: TokenSet
  /** Of `basic` alone: the name that goes with the password, which stands where others have their token. */
  username?: string
  oauth?: OAuthClient
  workload?: LoginWorkload
  /** Of the ID token, and where to ask for more: what names the user where there is no profile call. */
  identity?: Identity
  userinfo?: UserinfoServer
  /** The slug that the user named; else the one of the profile is stored. */
  tenant: string | undefined
  /** `--insecure-storage`. */
  preferFile: boolean
}

/**
 * Asks whose credential it is, and saves it. Nothing is saved when the server does not accept it.
 * @throws Fault as `profileOf` does; `server_error` for a tenant that is not a slug; what the store throws; the
 * signal's reason.
 */
export async function completeLogin(input: LoginInput): Promise<{ login: Login; saved: SavedLogin }> {
  const { context, store, tokens } = input
  const { dpopKey } = tokens
  const known = present({ ...input, issued: input.kind === 'oauth', dpopKey })
  const profile = await profileOf(context, tokens.accessToken, input.tenant, known)
  const login = loginOf(input, { ...profile, tenant: tenantOf(profile, context.server) })
  const { accessToken: token, refreshToken } = tokens
  // From here on the login belongs to the person: Ctrl-C takes effect before the save or after it, not in between.
  context.signal.throwIfAborted()
  const credential = present({ ...login, token, refreshToken, dpopKey })
  return { login, saved: await store.save(credential, { preferFile: input.preferFile }) }
}

/**
 * The tenant that a server names: it goes into headers and messages of every later command.
 * @throws Fault `server_error` where it is not a slug.
 */
function tenantOf({ tenant }: Profile, server: string): string | undefined {
  if (tenant == null || tenant === '') return undefined
  if (isTenantSlug(tenant)) return tenant
  throw new Fault('server_error', `${server} names a tenant that is not a slug: "${safeLine(tenant, 40)}"`, {
    hint: 'the login is not stored; a tenant is a slug of letters, digits, ".", "_" and "-"',
  })
}

/** Everything but the secrets. What the server says is made safe to print. */
function loginOf(
  { context, kind, username, tokens, oauth, workload, ...input }: LoginInput,
  profile: Profile,
): Login {
  const tenant = input.tenant ?? profile.tenant ?? undefined
  return present({
    server: context.server,
    kind,
    username,
    scopes: tokens.scopes,
    user: present({
      id: profile.id == null ? undefined : safeLine(String(profile.id)),
      name: profile.name == null ? undefined : safeLine(profile.name),
      email: profile.email == null ? undefined : safeLine(profile.email),
    }),
    expiresAt: tokens.expiresAt,
    tenant,
    oauth,
    workload,
  })
}
