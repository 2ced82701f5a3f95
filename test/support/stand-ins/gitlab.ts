/** A stand-in for GitLab. */
import { type OpenidStandIn, startOpenid } from './openid-provider.ts'

/** A GitLab of one's own: the shapes of "GitLab as an OpenID Connect identity provider". */
interface GitlabPerson {
  id: string
  username: string
  name: string
  email: string
  emailVerified: boolean
  groups: string[]
}

export type Gitlab = OpenidStandIn & { person: GitlabPerson }

/** @param path below which it is installed ("relative URL"); the issuer has it too */
export async function startGitlab(callback: string, path = ''): Promise<Gitlab> {
  const person: GitlabPerson = {
    id: '42',
    username: 'ada',
    name: 'Ada Lovelace',
    email: 'ada@example.com',
    emailVerified: true,
    groups: ['engineering', 'engineering/analytical', 'banned'],
  }
  const standIn = await startOpenid(
    {
      clientId: '2aa1b93d4f1c',
      paths: {
        metadata: `${path}/.well-known/openid-configuration`,
        authorize: `${path}/oauth/authorize`,
        token: `${path}/oauth/token`,
        keys: `${path}/oauth/discovery/keys`,
      },
      metadata: (url) => ({
        issuer: url + path,
        authorization_endpoint: `${url}${path}/oauth/authorize`,
        token_endpoint: `${url}${path}/oauth/token`,
        revocation_endpoint: `${url}${path}/oauth/revoke`,
        introspection_endpoint: `${url}${path}/oauth/introspect`,
        userinfo_endpoint: `${url}${path}/oauth/userinfo`,
        jwks_uri: `${url}${path}/oauth/discovery/keys`,
        scopes_supported: ['api', 'read_api', 'read_user', 'openid', 'profile', 'email'],
        response_types_supported: ['code'],
        response_modes_supported: ['query', 'fragment', 'form_post'],
        grant_types_supported: ['authorization_code', 'password', 'client_credentials', 'refresh_token'],
        token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
        claim_types_supported: ['normal'],
        claims_supported: ['iss', 'sub', 'aud', 'exp', 'iat', 'name', 'nickname', 'email', 'groups_direct'],
        code_challenge_methods_supported: ['plain', 'S256'],
      }),
      claims: (url) => ({
        iss: url + path,
        sub: person.id,
        auth_time: Math.floor(Date.now() / 1000),
        sub_legacy: 'a'.repeat(64),
        name: person.name,
        nickname: person.username,
        preferred_username: person.username,
        groups_direct: person.groups,
      }),
      denial: {
        error: 'access_denied',
        error_description: 'The resource owner or authorization server denied the request.',
      },
      tokenError: (error) => ({
        error,
        error_description:
          error === 'invalid_grant'
            ? 'The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client.'
            : 'Client authentication failed due to unknown client, no client authentication included, or unsupported authentication method.',
      }),
      api: (_request, url, authorized) => {
        if (url.pathname !== `${path}/oauth/userinfo`) return undefined
        if (!authorized) return Response.json({ error: 'invalid_token' }, { status: 401 })
        return Response.json({
          sub: person.id,
          sub_legacy: 'a'.repeat(64),
          name: person.name,
          nickname: person.username,
          preferred_username: person.username,
          email: person.email,
          email_verified: person.emailVerified,
          profile: `${url.origin}${path}/${person.username}`,
          picture: `${url.origin}${path}/uploads/-/system/user/avatar/42/avatar.png`,
          groups: person.groups,
          'https://gitlab.org/claims/groups/owner': [],
        })
      },
    },
    callback,
  )
  return Object.assign(standIn, { person })
}
