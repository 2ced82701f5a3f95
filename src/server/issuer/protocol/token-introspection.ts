/** Token introspection (RFC 7662). */
import type { Provider } from 'oidc-provider'
import { ALL_SCOPES, isScope } from '../../../contract/token-scopes.ts'
import { accountIdOf, type User } from '../../accounts/user-types.ts'
import { narrowed } from '../../access-rules/principal.ts'
import { TOKEN_ISSUER, type Tokens, type VerifiedToken } from '../tokens/access-tokens.ts'

/**
 * RFC 7662. All our clients are public, and §2.1 demands more than a name: who asks shows an access token of
 * this server, and learns of tokens of the same person; an administrator, of access tokens of the tenant. Another
 * program than ours learns of what was issued to itself alone. Scopes are those that the role leaves now in the
 * person's own tenant, as in `/api/v1/profile`: a caller that acts on the response must not allow more than the API does.
 */
export function openIntrospection(deps: { provider: Provider; tokens: Tokens; url: string }) {
  const { provider, tokens, url } = deps

  const describe = async (token: string, asker: VerifiedToken): Promise<Record<string, unknown>> => {
    const access = tokens.verify(token)
    if (access) {
      if (!mayKnow(asker, access)) return { active: false }
      return {
        active: true,
        scope: effective(access.scopes, access.user),
        client_id: access.clientId,
        username: access.user.email ?? undefined,
        token_type: 'Bearer',
        exp: access.expiresAt,
        sub: access.user.subject,
        aud: url,
        iss: TOKEN_ISSUER,
        jti: access.jti,
      }
    }
    const refresh = await provider.RefreshToken.find(token)
    const own = refresh?.accountId === accountIdOf(asker.user) && sameProgram(asker, refresh)
    if (!refresh || !own || refresh.consumed !== undefined) return { active: false }
    return {
      active: true,
      scope: effective(refresh.scope?.split(' ') ?? [], asker.user),
      client_id: refresh.clientId,
      exp: refresh.exp,
      sub: asker.user.subject,
      iss: TOKEN_ISSUER,
    }
  }

  return async (request: Request, form: URLSearchParams): Promise<Response> => {
    const bearer = /^bearer +(\S+)$/i.exec(request.headers.get('authorization') ?? '')?.[1]
    const asker = bearer === undefined ? undefined : tokens.verify(bearer)
    if (!asker) {
      const headers = { 'www-authenticate': 'Bearer realm="fob"', 'cache-control': 'no-store' }
      return Response.json({ error: 'invalid_token' }, { status: 401, headers })
    }
    const token = form.get('token')
    const headers = { 'cache-control': 'no-store' }
    if (token === null) return Response.json({ error: 'invalid_request' }, { status: 400, headers })
    return Response.json(await describe(token, asker), { headers })
  }
}

/** A scope that is not one of the API's (`openid`) is not taken away by a role. */
function effective(granted: readonly string[], { role }: User): string {
  const left = narrowed(granted.filter(isScope), role)
  return granted.filter((scope) => !isScope(scope) || left.has(scope)).join(' ')
}

function mayKnow(asker: VerifiedToken, token: VerifiedToken): boolean {
  const { user } = asker
  if (token.user.id === user.id) return sameProgram(asker, token)
  const administrator =
    user.role === 'admin' && asker.own && ALL_SCOPES.every((one) => asker.scopes.includes(one))
  return administrator && token.user.tenant.id === user.tenant.id
}

function sameProgram(asker: VerifiedToken, token: { clientId?: string | undefined }): boolean {
  return asker.own || token.clientId === asker.clientId
}
