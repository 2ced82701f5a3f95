/** Whether a token request asks for a resource beyond its grant (RFC 8707). */
import type { Provider } from 'oidc-provider'
import { DEVICE_GRANT } from '../../../contract/cli-oauth-client.ts'

/**
 * Whether a token request names a resource that its grant is not for (RFC 8707 §2.2). The provider notices only
 * after it has used up the code or the refresh token: then the right request would be taken for a thief's.
 * What was used before, or is another client's, is left to the provider, which knows what to end.
 */
export async function asksBeyondGrant(provider: Provider, form: URLSearchParams): Promise<boolean> {
  const asked = form.getAll('resource').filter((resource) => resource !== '')
  if (asked.length === 0) return false
  const source = await sourceOf(provider, form)
  if (source === undefined || source.clientId !== form.get('client_id')) return false
  const used = 'consumed' in source && source.consumed !== undefined
  return !used && asked.some((resource) => !source.resourceIndicators.has(resource))
}

/** What the request presents, of the three kinds that can be used once. */
async function sourceOf(provider: Provider, form: URLSearchParams) {
  switch (form.get('grant_type') ?? '') {
    case 'refresh_token':
      return provider.RefreshToken.find(form.get('refresh_token') ?? '')
    case 'authorization_code':
      return provider.AuthorizationCode.find(form.get('code') ?? '')
    case DEVICE_GRANT:
      return provider.DeviceCode.find(form.get('device_code') ?? '')
    default:
      return undefined
  }
}
