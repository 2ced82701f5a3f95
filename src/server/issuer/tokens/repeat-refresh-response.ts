/** Repeating the response to a refresh that two commands send at once. */
import type { Provider } from 'oidc-provider'
import * as v from 'valibot'
import type { Clock } from '../../../platform/clock.ts'
import type { Db } from '../../db/open-database.ts'
import { type ResponseOwner, storedResponses } from './stored-refresh-responses.ts'
import { oauthError } from '../protocol/oauth-error-response.ts'
import type { Tokens } from './access-tokens.ts'

/** What a refresh asks, whatever the order of its fields. */
export interface RefreshRequest {
  clientId: string
  refreshToken: string
  /** Empty: all that was granted, as where it is left out. */
  scopes: readonly string[]
  resources: readonly string[]
}

/**
 * Reads the form of a refresh. Undefined for what the provider refuses anyway, before it looks at the token: a field
 * that is missing or given twice, and credentials, which our clients do not have.
 */
export function readRefreshRequest(
  form: URLSearchParams,
  authorization: string | null,
): RefreshRequest | undefined {
  const single = (name: string) => (form.getAll(name).length > 1 ? undefined : (form.get(name) ?? ''))
  const [clientId, refreshToken, scope] = ['client_id', 'refresh_token', 'scope'].map(single)
  if (authorization !== null || !clientId || !refreshToken || scope === undefined) return undefined
  const resources = form.getAll('resource').filter((resource) => resource !== '')
  return { clientId, refreshToken, scopes: scope.split(' ').filter((one) => one !== ''), resources }
}

const tokenResponse = v.object({ access_token: v.string() })

/**
 * Two commands that refresh at the same moment present the same refresh token. The first gets it rotated; the
 * second would look like a thief and end the login of both. So a rotation's response is stored for 30 s, across a
 * restart of the server as well, and repeated to the same client for the same token and wish. For another wish
 * (scope, resource) nothing is issued, and nothing is revoked: the sender could get the response by repeating the
 * first request. Later, reuse revokes the grant (RFC 9700 §4.14.2), as it does where no response is stored because the
 * server died just before.
 */
export function refreshReplay(deps: { db: Db; clock: Clock; provider: Provider; tokens: Tokens }) {
  const { provider, tokens } = deps
  const stored = storedResponses(deps)
  const inTurn = turns()

  const repeatOrRotate = async (
    asked: RefreshRequest,
    rotate: () => Promise<Response>,
  ): Promise<Response> => {
    const { refreshToken, clientId } = asked
    const found = await provider.RefreshToken.find(refreshToken)
    const client = await provider.Client.find(clientId)
    // The provider says what is wrong with it; it has not been used up then.
    if (!found || !client || found.clientId !== clientId || found.grantId === undefined) return rotate()
    const { grantId, accountId } = found
    const wanted = wish(asked, found)
    const known = found.consumed === undefined ? undefined : await stored.find(asked)
    if (known === undefined) {
      return storeGood(await rotate(), { refreshToken, clientId, grantId, accountId }, wanted)
    }
    if (known.wanted !== wanted) {
      const why = 'this refresh token was used a moment ago, for another scope or resource'
      return oauthError(400, 'invalid_request', {}, why)
    }
    const { access_token: access } = v.parse(tokenResponse, JSON.parse(known.body))
    // What it led to was revoked since then, by itself or with its account.
    if (tokens.verify(access) === undefined) return oauthError(400, 'invalid_grant')
    return new Response(known.body, { headers: known.headers })
  }

  const storeGood = async (response: Response, of: ResponseOwner, wanted: string): Promise<Response> => {
    if (response.status !== 200) return response
    const headers = [...response.headers]
    const body = await response.text()
    await stored.add(of, { wanted, headers, body })
    return new Response(body, { headers })
  }

  /** @param rotate asks the provider. */
  return (asked: RefreshRequest, rotate: () => Promise<Response>): Promise<Response> =>
    inTurn(asked.refreshToken, () => repeatOrRotate(asked, rotate))
}

/** What a request comes to, in one spelling: a scope or resource that is left out is all that was granted. */
function wish(
  { scopes, resources }: RefreshRequest,
  granted: { scopes: ReadonlySet<string>; resourceIndicators: ReadonlySet<string | undefined> },
): string {
  return JSON.stringify([spell(scopes, granted.scopes), spell(resources, granted.resourceIndicators)])
}

function spell(asked: readonly string[], all: ReadonlySet<string | undefined>): string[] {
  const each = new Set(asked.length === 0 ? [...all].map(String) : asked)
  return [...each].toSorted((a, b) => (a < b ? -1 : 1))
}

/** Lets those with the same key go one after the other. */
function turns() {
  const last = new Map<string, Promise<unknown>>()
  return async <T>(key: string, act: () => Promise<T>): Promise<T> => {
    const before = last.get(key) ?? Promise.resolve()
    const mine = before.then(act, act)
    last.set(key, mine)
    try {
      return await mine
    } finally {
      if (last.get(key) === mine) last.delete(key)
    }
  }
}
