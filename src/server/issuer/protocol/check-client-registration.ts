/** What a program may register of itself (RFC 7591). */
import * as v from 'valibot'
import { DEVICE_GRANT } from '../../../contract/cli-oauth-client.ts'

/**
 * Programs that register themselves (RFC 7591): anybody may, so what they may say is little. They are public
 * clients of the code flow or the device flow; what asks for more (secrets, keys, logos) is left out or refused.
 */

const MAX_URIS = 10
const MAX_NAME = 100

const GRANTS = ['authorization_code', 'refresh_token', DEVICE_GRANT] as const
/**
 * Schemes without a dot of programs that registered them before RFC 8252, and ask for nothing else. Any other name
 * without a dot can belong to the system, and start something there.
 */
const KNOWN_SCHEMES: ReadonlySet<string> = new Set([
  'cursor:',
  'vscode:',
  'vscode-insiders:',
  'windsurf:',
  'zed:',
])
/** RFC 8252 §7.1: the reversed name of a domain, so that two programs do not have the same. */
const REVERSE_DOMAIN = /^[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:$/

const redirectUri = v.pipe(
  v.string(),
  v.maxLength(2000, 'a redirect URI has at most 2000 characters'),
  v.check(
    isRedirectUri,
    'a redirect URI is https, http on loopback, or has a scheme such as com.example.app (RFC 8252)',
  ),
)
const schema = v.object({
  client_name: v.optional(
    v.pipe(
      v.string(),
      v.trim(),
      v.nonEmpty('client_name is empty'),
      v.maxLength(MAX_NAME, `client_name has at most ${MAX_NAME} characters`),
      v.check((name) => !/[\p{Cc}\p{Cf}]/u.test(name), 'client_name has no control characters'),
    ),
  ),
  redirect_uris: v.optional(
    v.pipe(v.array(redirectUri), v.maxLength(MAX_URIS, 'too many redirect URIs')),
    [],
  ),
  grant_types: v.optional(v.array(v.picklist(GRANTS, 'a grant type is not supported'))),
  response_types: v.optional(v.array(v.literal('code', 'the only response type is code'))),
  token_endpoint_auth_method: v.optional(v.string()),
})

export type Registration =
  | { kind: 'ok'; metadata: Record<string, unknown> }
  | { kind: 'refused'; error: 'invalid_client_metadata' | 'invalid_redirect_uri'; description: string }

/** What is registered of what was asked for. RFC 7591 §2: a server may replace values, and responds with its own. */
export function checkRegistration(body: unknown): Registration {
  const parsed = v.safeParse(schema, body)
  if (!parsed.success) {
    const [issue] = parsed.issues
    const path = v.getDotPath(issue) ?? ''
    const error = path.startsWith('redirect_uris') ? 'invalid_redirect_uri' : 'invalid_client_metadata'
    // valibot's own words quote what came; ours do not.
    const description = issue.message.startsWith('Invalid')
      ? `${path || 'the body'} is not accepted`
      : issue.message
    return { kind: 'refused', error, description }
  }
  const { client_name: name, redirect_uris: uris, grant_types: asked } = parsed.output
  const grants = new Set(asked ?? ['authorization_code'])
  if (grants.has('authorization_code') && uris.length === 0) {
    return { kind: 'refused', error: 'invalid_redirect_uri', description: 'redirect_uris is missing' }
  }
  if (!grants.has('authorization_code') && !grants.has(DEVICE_GRANT)) {
    const description = 'grant_types names no way to log in'
    return { kind: 'refused', error: 'invalid_client_metadata', description }
  }
  const code = grants.has('authorization_code')
  return {
    kind: 'ok',
    metadata: {
      ...(name === undefined ? {} : { client_name: name }),
      // Each login is consented to by itself, and loopback redirects take any port (RFC 8252 §7.3).
      application_type: 'native',
      redirect_uris: code ? uris : [],
      grant_types: [...grants],
      response_types: code ? ['code'] : [],
      token_endpoint_auth_method: 'none',
      id_token_signed_response_alg: 'ES256',
    },
  }
}

/** OAuth 2.1 §8.4.2 and RFC 8252 §7: http goes to this machine only, by its literal address or `localhost`. */
function isRedirectUri(text: string): boolean {
  const url = URL.parse(text)
  if (!url || url.hash !== '' || text.includes('#') || url.username !== '' || url.password !== '')
    return false
  if (/[\s\\*\p{Cc}]/u.test(text)) return false
  if (url.protocol === 'https:') return true
  if (url.protocol === 'http:') return ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)
  return KNOWN_SCHEMES.has(url.protocol) || REVERSE_DOMAIN.test(url.protocol)
}
