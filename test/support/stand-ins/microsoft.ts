/** A stand-in for Microsoft Entra. */
import { type OpenidStandIn, startOpenid } from './openid-provider.ts'

/**
 * Microsoft Entra ID and as much of Microsoft Graph as a login asks: the shapes of "OpenID Connect on the
 * Microsoft identity platform", "ID token claims reference", "Groups overage claim" and
 * "List a user's transitive memberships".
 */
interface MicrosoftPerson {
  sub: string
  oid: string
  name: string
  username: string
  email: string
  groups: string[]
  /** More groups than fit: the token points to Graph instead. */
  overage: boolean
  edov: boolean
  /** How many groups Graph puts on a page. */
  pageSize: number
}

export type Microsoft = OpenidStandIn & { person: MicrosoftPerson }

export const DIRECTORY = 'aaaabbbb-0000-cccc-1111-dddd2222eeee'

/**
 * @param tenant in the addresses
 * @param publicUrl how it calls itself, where a test sends its requests elsewhere
 */
export async function startMicrosoft(
  callback: string,
  tenant = DIRECTORY,
  publicUrl?: string,
): Promise<Microsoft> {
  const person: MicrosoftPerson = {
    sub: 'AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ',
    oid: '00000000-0000-0000-66f3-3332eca7ea81',
    name: 'Ada Lovelace',
    username: 'ada@contoso.com',
    email: 'ada@contoso.com',
    groups: ['11111111-0000-0000-0000-000000000001', '11111111-0000-0000-0000-000000000002'],
    overage: false,
    edov: false,
    pageSize: 999,
  }
  const issuerOf = (url: string, id: string) => `${publicUrl ?? url}/${id}/v2.0`
  const shared = ['common', 'organizations', 'consumers'].includes(tenant)
  const standIn = await startOpenid(
    {
      clientId: '00001111-aaaa-2222-bbbb-3333cccc4444',
      paths: {
        metadata: `/${tenant}/v2.0/.well-known/openid-configuration`,
        authorize: `/${tenant}/oauth2/v2.0/authorize`,
        token: `/${tenant}/oauth2/v2.0/token`,
        keys: `/${tenant}/discovery/v2.0/keys`,
      },
      metadata: (url) => ({
        token_endpoint: `${publicUrl ?? url}/${tenant}/oauth2/v2.0/token`,
        token_endpoint_auth_methods_supported: [
          'client_secret_post',
          'private_key_jwt',
          'client_secret_basic',
        ],
        jwks_uri: `${publicUrl ?? url}/${tenant}/discovery/v2.0/keys`,
        response_modes_supported: ['query', 'fragment', 'form_post'],
        subject_types_supported: ['pairwise'],
        id_token_signing_alg_values_supported: ['RS256'],
        response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
        scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
        issuer: issuerOf(url, shared ? '{tenantid}' : DIRECTORY),
        request_uri_parameter_supported: false,
        userinfo_endpoint: 'https://graph.microsoft.com/oidc/userinfo',
        authorization_endpoint: `${publicUrl ?? url}/${tenant}/oauth2/v2.0/authorize`,
        device_authorization_endpoint: `${publicUrl ?? url}/${tenant}/oauth2/v2.0/devicecode`,
        claims_supported: ['sub', 'iss', 'aud', 'exp', 'iat', 'nonce', 'preferred_username', 'name', 'tid'],
        tenant_region_scope: null,
        cloud_instance_name: 'microsoftonline.com',
        msgraph_host: publicUrl === undefined ? new URL(url).host : 'graph.microsoft.com',
        rbac_url: 'https://pas.windows.net',
      }),
      claims: (url) => ({
        ver: '2.0',
        iss: issuerOf(url, DIRECTORY),
        sub: person.sub,
        oid: person.oid,
        tid: DIRECTORY,
        nbf: Math.floor(Date.now() / 1000),
        name: person.name,
        preferred_username: person.username,
        email: person.email,
        ...(person.edov ? { xms_edov: true } : {}),
        ...(person.overage
          ? {
              _claim_names: { groups: 'src1' },
              _claim_sources: {
                src1: {
                  endpoint: `https://graph.windows.net/${DIRECTORY}/users/${person.oid}/getMemberObjects`,
                },
              },
            }
          : { groups: person.groups }),
      }),
      denial: {
        error: 'access_denied',
        error_subcode: 'cancel',
        error_description: 'AADSTS65004: User declined to consent to access the app.',
      },
      tokenError: (error) => ({
        error,
        error_description:
          error === 'invalid_grant'
            ? 'AADSTS70008: The provided authorization code or refresh token has expired due to inactivity.'
            : 'AADSTS7000215: Invalid client secret provided.',
        error_codes: [error === 'invalid_grant' ? 70008 : 7000215],
        timestamp: '2026-01-31 12:00:00Z',
        trace_id: '0000aaaa-11bb-cccc-dd22-eeeeee333333',
        correlation_id: 'aaaa0000-bb11-2222-33cc-444444dddddd',
      }),
      api: (_request, url, authorized) => {
        if (url.pathname !== '/v1.0/me/transitiveMemberOf') return undefined
        if (!authorized) {
          const error = { code: 'InvalidAuthenticationToken', message: 'Access token is empty.' }
          return Response.json({ error }, { status: 401 })
        }
        const from = Number(url.searchParams.get('$skiptoken') ?? 0)
        const groups = person.groups.slice(from, from + person.pageSize)
        const next = from + person.pageSize
        return Response.json({
          '@odata.context': 'https://graph.microsoft.com/v1.0/$metadata#directoryObjects(id)',
          ...(next < person.groups.length
            ? { '@odata.nextLink': `${url.origin}${url.pathname}?$select=id&$skiptoken=${next}` }
            : {}),
          value: [
            ...groups.map((id) => ({ '@odata.type': '#microsoft.graph.group', id })),
            { '@odata.type': '#microsoft.graph.directoryRole', id: 'a-role-is-no-group' },
          ],
        })
      },
    },
    callback,
  )
  return Object.assign(standIn, { person })
}
