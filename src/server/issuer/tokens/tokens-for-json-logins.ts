/** Tokens for the JSON API of logins. */
import { createHash, randomBytes } from 'node:crypto'
import type { Provider } from 'oidc-provider'
import * as v from 'valibot'
import type { Clock } from '../../../platform/clock.ts'
import { Secret } from '../../../redact/secret.ts'
import type { Accounts } from '../../accounts/accounts.ts'
import { accountIdOf, type User } from '../../accounts/user-types.ts'
import type { Bridge } from '../protocol/node-http-bridge.ts'
import { API_CLIENT, API_LONE_CLIENT } from '../first-party-clients.ts'
import { TICKET_GRANT } from '../ticket-grant-type.ts'
import type { Tickets } from '../protocol/json-login-ticket-grant.ts'

/** Tokens for the JSON API of logins, issued by the same provider as all others. */

export interface IssuedTokens {
  accessToken: Secret
  /** Undefined where the access token was asked for alone; then it lives longer. */
  refreshToken: Secret | undefined
  /** Seconds. */
  expiresIn: number
}

export interface ApiLogins {
  /** Tokens for somebody who has just proved who they are. */
  issue(user: User, alone?: boolean): Promise<IssuedTokens>
  /** @returns undefined for a refresh token that is not, or no longer, good. */
  refresh(refreshToken: string): Promise<IssuedTokens | undefined>
  /** Ends the login that a refresh token of `issue` belongs to; of any other, nothing. @returns whose it was */
  endRefreshToken(refreshToken: string): Promise<User | undefined>
  /** A code that stands for a login: single use, one minute. @param challenge PKCE, S256 (RFC 7636) */
  makeCode(user: User, challenge: string): string
  /** @returns undefined for a code that is not good, or a verifier that does not fit; the code is used up. */
  takeCode(code: string, verifier: string): Promise<User | undefined>
}

const CODE_MS = 60_000
const MAX_CODES = 1_000

const responseSchema = v.object({
  access_token: v.string(),
  refresh_token: v.optional(v.string()),
  expires_in: v.number(),
})

export function openApiLogins(deps: {
  provider: Provider
  endGrant: (grantId: string) => Promise<void>
  bridge: Bridge
  /** The protocol's own handler: refreshing has to pass its replay. */
  handle: (request: Request, address: string) => Promise<Response>
  tickets: Tickets
  accounts: Accounts
  clock: Clock
  url: string
}): ApiLogins {
  const { provider, bridge, handle, tickets, accounts, clock, url } = deps
  const codes = new Map<string, { userId: string; challenge: string; at: number }>()

  return {
    issue: async (user, alone = false) => {
      const form = new URLSearchParams({
        grant_type: TICKET_GRANT,
        client_id: alone ? API_LONE_CLIENT : API_CLIENT,
        ticket: tickets.make(accountIdOf(user)),
      })
      const request = tokenRequest(url)
      // Past the handler, which refuses this grant to everybody else.
      const body = Buffer.from(form.toString())
      const response = await bridge.respond(request, new URL(request.url), body, { address: '' })
      return issued(await response.json())
    },
    refresh: async (refreshToken) => {
      const form = new URLSearchParams({
        grant_type: 'refresh_token',
        client_id: API_CLIENT,
        refresh_token: refreshToken,
      })
      const response = await handle(tokenRequest(url, form.toString()), '')
      return response.ok ? issued(await response.json()) : undefined
    },
    endRefreshToken: async (refreshToken) => {
      const found = await provider.RefreshToken.find(refreshToken)
      if (found?.clientId !== API_CLIENT || found.grantId === undefined) return undefined
      await deps.endGrant(found.grantId)
      const colon = found.accountId.indexOf(':')
      return accounts.bySubject(found.accountId.slice(0, colon), found.accountId.slice(colon + 1))
    },
    makeCode: (user, challenge) => {
      const now = clock.now()
      for (const [old, { at }] of codes) {
        if (now - at <= CODE_MS && codes.size < MAX_CODES) break
        codes.delete(old)
      }
      const code = randomBytes(32).toString('base64url')
      codes.set(sha256(code), { userId: user.id, challenge, at: now })
      return code
    },
    takeCode: async (code, verifier) => {
      const found = codes.get(sha256(code))
      codes.delete(sha256(code))
      // The challenge is public, so comparing it needs no constant time.
      if (!found || clock.now() - found.at > CODE_MS || sha256(verifier) !== found.challenge) return undefined
      return accounts.byId(found.userId)
    },
  }
}

function tokenRequest(url: string, body?: string): Request {
  return new Request(`${url}/oauth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    ...(body === undefined ? {} : { body }),
  })
}

function issued(response: unknown): IssuedTokens {
  const {
    access_token: access,
    refresh_token: refresh,
    expires_in: expiresIn,
  } = v.parse(responseSchema, response)
  return {
    accessToken: new Secret(access),
    refreshToken: refresh === undefined ? undefined : new Secret(refresh),
    expiresIn,
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}
