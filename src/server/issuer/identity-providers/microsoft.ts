/** Logging in with Microsoft. */
import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import { openRestClient } from './rest-client.ts'
import { openidConnectProvider } from './openid-connect.ts'
import type {
  ConfiguredIdentityProviders,
  IdentityProvider,
  IdentityProviderDeps,
} from './identity-provider-types.ts'

const LABEL = 'Microsoft'

/** Not one directory but many: anybody's, each with administrators of its own. */
const SHARED_TENANTS = new Set(['common', 'organizations', 'consumers'])

const text = v.optional(v.nullable(v.string()), null)
const claimsSchema = v.object({
  sub: v.string(),
  name: text,
  email: text,
  preferred_username: text,
  /** "E-mail domain owner verified", where the application asks for it. */
  xms_edov: v.optional(v.union([v.boolean(), v.number(), v.string()]), false),
  /** IDs of groups, where the application is set up to send them. */
  groups: v.optional(v.array(v.string())),
  /** Overage: more groups than fit into a token (some 200). They have to be asked for. */
  _claim_names: v.optional(v.object({ groups: v.optional(v.string()) }), {}),
  hasgroups: v.optional(v.union([v.boolean(), v.string()])),
})
const graphPage = v.object({
  value: v.array(v.object({ id: v.string(), '@odata.type': v.optional(v.string()) })),
  '@odata.nextLink': v.optional(v.string()),
})

/** Microsoft Entra ID, by OpenID Connect; groups beyond what fits into a token by Microsoft Graph. */
export function microsoftProvider(
  settings: NonNullable<ConfiguredIdentityProviders['microsoft']>,
  deps: IdentityProviderDeps,
): IdentityProvider {
  const { url, tenant } = settings
  const issuer = `${url}/${encodeURIComponent(tenant)}/v2.0`
  // The library knows the global cloud, whose metadata names other issuers than the address they are at.
  const server = new URL(
    url === 'https://login.microsoftonline.com' ? issuer : `${issuer}/.well-known/openid-configuration`,
  )
  return openidConnectProvider(
    {
      name: 'microsoft',
      label: LABEL,
      settings,
      server,
      // User.Read is what lets a person's own memberships be read, offline_access what lets them be read again.
      scope: 'openid profile email User.Read offline_access',
      membershipsIn: 'id token',
      profile: async ({ config, accessToken, claims: raw }) => {
        const claims = v.parse(claimsSchema, raw)
        const overage = claims._claim_names.groups !== undefined || isTrue(claims.hasgroups)
        const host = config.serverMetadata().msgraph_host
        const groups = overage
          ? await groupsOf(deps, graphUrl(host, url), accessToken)
          : (claims.groups ?? [])
        return {
          provider: 'microsoft',
          subject: claims.sub,
          email: isVerified(claims, tenant) ? claims.email : null,
          name: claims.name,
          nickName: claims.preferred_username,
          avatarUrl: null,
          organizations: [],
          groups,
        }
      },
    },
    deps,
  )
}

/**
 * Microsoft does not verify `email`: any directory's administrator can write anybody's there. One directory,
 * chosen in the settings, is taken at its word; of a shared tenant only what Microsoft itself has verified.
 */
function isVerified({ xms_edov: verified }: v.InferOutput<typeof claimsSchema>, tenant: string): boolean {
  return !SHARED_TENANTS.has(tenant) || isTrue(verified)
}

function isTrue(claim: boolean | number | string | undefined): boolean {
  return claim === true || claim === 1 || claim === '1' || claim === 'true'
}

/** Which Graph belongs to this cloud: the metadata says (`graph.microsoft.com`, `graph.microsoft.us`, …). */
function graphUrl(host: unknown, authority: string): URL {
  const url = typeof host === 'string' ? URL.parse(`${new URL(authority).protocol}//${host}/`) : null
  if (!url || url.pathname !== '/' || url.username !== '') {
    throw new Fault('failed', `${LABEL} does not say where its Graph is`)
  }
  return url
}

/** The IDs of all groups, nested ones included: what the token would have held. */
async function groupsOf(deps: IdentityProviderDeps, graph: URL, token: string): Promise<string[]> {
  const api = openRestClient({ fetch: deps.fetch, label: LABEL, origin: graph.origin, token, headers: {} })
  const first = new URL('/v1.0/me/transitiveMemberOf?$select=id&$top=999', graph)
  const pages = await api.all(first, graphPage, (page) => page['@odata.nextLink'])
  return pages
    .flatMap(({ value }) => value)
    .filter((member) => member['@odata.type'] === '#microsoft.graph.group')
    .map(({ id }) => id)
}
