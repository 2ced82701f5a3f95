/** The grant by which the JSON API of logins gets its tokens. */
import { randomBytes } from 'node:crypto'
import type { errors as OidcErrors, Provider, ResourceServer } from 'oidc-provider'
import { ALL_SCOPES } from '../../../contract/token-scopes.ts'
import type { Clock } from '../../../platform/clock.ts'
import { TICKET_GRANT } from '../ticket-grant-type.ts'

/** Long enough for one call within this process. */
const LIFETIME_MS = 10_000

/** Random, single use, in memory: what proves to the provider that a login took place outside of it. */
export interface Tickets {
  make(accountId: string): string
  take(ticket: unknown): string | undefined
}

export function openTickets(clock: Clock): Tickets {
  const made = new Map<string, { accountId: string; at: number }>()
  return {
    make: (accountId) => {
      for (const [old, { at }] of made) if (clock.now() - at > LIFETIME_MS) made.delete(old)
      const ticket = randomBytes(32).toString('base64url')
      made.set(ticket, { accountId, at: clock.now() })
      return ticket
    },
    take: (ticket) => {
      const found = typeof ticket === 'string' ? made.get(ticket) : undefined
      if (typeof ticket === 'string') made.delete(ticket)
      return found && clock.now() - found.at <= LIFETIME_MS ? found.accountId : undefined
    },
  }
}

/**
 * Teaches the provider to issue tokens for a ticket: a grant of its own with everything that the server knows,
 * an access token, and a refresh token where the client may have one.
 */
export function registerTicketGrant(
  provider: Provider,
  deps: { tickets: Tickets; url: string; api: ResourceServer; errors: typeof OidcErrors },
): void {
  const { tickets, url, api, errors } = deps
  const scope = ALL_SCOPES.join(' ')
  provider.registerGrantType<{ ticket: string }>(
    TICKET_GRANT,
    async (ctx) => {
      const { client, params } = ctx.oidc
      const accountId = tickets.take(params.ticket)
      if (accountId === undefined) throw new errors.InvalidGrant('no such ticket')
      const grant = new provider.Grant({ accountId, clientId: client.clientId })
      grant.addResourceScope(url, scope)
      const grantId = await grant.save()
      const access = new provider.AccessToken({ accountId, client, grantId, gty: 'ticket', scope })
      access.resourceServer = new provider.ResourceServer(url, api)
      const body: Record<string, unknown> = {
        access_token: await access.save(),
        token_type: 'Bearer',
        expires_in: access.expiration,
        scope,
      }
      if (client.grantTypeAllowed('refresh_token')) {
        const refresh = new provider.RefreshToken({
          accountId,
          client,
          grantId,
          gty: 'ticket',
          resource: url,
          rotations: 0,
          scope,
        })
        body.refresh_token = await refresh.save()
      }
      ctx.body = body
    },
    ['ticket'],
  )
}
