/** The grant by which a JWT of a trusted issuer is exchanged for a token of ours (RFC 8693). */
import { isScope, type Scope } from '../../../contract/token-scopes.ts'
import { oauthError } from './oauth-error-response.ts'

/** What was exchanged, or why not. @property expiresIn seconds */
type TokenExchange =
  | { kind: 'issued'; token: string; expiresIn: number; scopes: readonly Scope[] }
  | { kind: 'refused' }
  | { kind: 'scopes refused' }

/**
 * Exchanges a JWT.
 * @param scopes those that are asked for; undefined: all that there are
 * @param address the peer's
 */
export type ExchangeToken = (
  token: string,
  scopes: readonly Scope[] | undefined,
  address: string,
) => Promise<TokenExchange>

const TYPE = 'urn:ietf:params:oauth:token-type:'
const SUBJECT_TYPES: ReadonlySet<string> = new Set([`${TYPE}jwt`, `${TYPE}id_token`])
const ISSUED_TYPE = `${TYPE}access_token`

/** Of OpenID Connect: clients ask for them out of habit, and there is no person behind a workload. */
const PEOPLE_SCOPES: ReadonlySet<string> = new Set(['openid', 'profile', 'email', 'offline_access'])

/** Parameters that can be there once (§2.1; RFC 6749 §3.2). `resource` and `audience` can be there several times. */
const SINGLE = [
  'grant_type',
  'subject_token',
  'subject_token_type',
  'requested_token_type',
  'scope',
  'client_id',
]

export interface ExchangeDeps {
  exchange: ExchangeToken
  /** The server's public URL. */
  url: string
  isClient(clientId: string): Promise<boolean>
}

/** Responds to a token request with this grant type. */
export async function respondToExchange(
  form: URLSearchParams,
  { exchange, url, isClient }: ExchangeDeps,
  address: string,
): Promise<Response> {
  const clientId = form.get('client_id')
  if (clientId !== null && !(await isClient(clientId))) return oauthError(401, 'invalid_client')
  const asked = readRequest(form, url)
  if (asked.kind === 'refused') return oauthError(400, asked.error, {}, asked.description)
  const found = await exchange(asked.token, asked.scopes, address)
  // §2.2.2: `invalid_request` is for a subject token that is not valid. Why it is not, only the log says.
  if (found.kind === 'refused') {
    return oauthError(400, 'invalid_request', {}, 'the subject token is not accepted here')
  }
  if (found.kind === 'scopes refused') return oauthError(400, 'invalid_scope')
  return Response.json(
    {
      access_token: found.token,
      issued_token_type: ISSUED_TYPE,
      token_type: 'Bearer',
      expires_in: found.expiresIn,
      scope: found.scopes.join(' '),
    },
    { headers: { 'cache-control': 'no-store' } },
  )
}

type Asked =
  | { kind: 'exchange'; token: string; scopes: readonly Scope[] | undefined }
  | { kind: 'refused'; error: string; description: string }

function refused(description: string, error = 'invalid_request'): Asked {
  return { kind: 'refused', error, description }
}

function readRequest(form: URLSearchParams, url: string): Asked {
  const repeated = SINGLE.find((name) => form.getAll(name).length > 1)
  if (repeated !== undefined) return refused(`${repeated} is there more than once`)
  const token = form.get('subject_token') ?? ''
  if (token === '') return refused('subject_token is missing')
  if (!SUBJECT_TYPES.has(form.get('subject_token_type') ?? '')) {
    return refused(`subject_token_type takes ${[...SUBJECT_TYPES].join(' or ')}`)
  }
  if ((form.get('requested_token_type') ?? ISSUED_TYPE) !== ISSUED_TYPE) {
    return refused(`requested_token_type takes ${ISSUED_TYPE}`)
  }
  if (form.has('actor_token')) return refused('delegation is not supported: leave actor_token out')
  const targets = [...form.getAll('resource'), ...form.getAll('audience')]
  if (!targets.every((target) => [url, `${url}/`, `${url}/mcp`].includes(target))) {
    return refused('tokens are for this server alone', 'invalid_target')
  }
  const words = (form.get('scope') ?? '').split(' ').filter((word) => word !== '' && !PEOPLE_SCOPES.has(word))
  const scopes = words.filter(isScope)
  if (scopes.length < words.length) return refused('not all of these scopes exist', 'invalid_scope')
  return { kind: 'exchange', token, scopes: scopes.length === 0 ? undefined : scopes }
}
