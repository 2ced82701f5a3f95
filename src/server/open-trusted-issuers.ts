/** The identity providers that the settings trust: who can come in by them, and the exchange of their tokens. */
import type { Audit } from './audit/audit.ts'
import { workloadPrincipal } from './auth/create-principal.ts'
import type { Db } from './db/open-database.ts'
import type { ExchangeToken } from './issuer/protocol/token-exchange-grant.ts'
import { openSeal } from './issuer/seal-under-session-secret.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import type { ServeDeps } from './serve-deps.ts'
import { openReach } from './trusted-issuers/tenant-and-pipelines.ts'
import type { TrustedIssuer } from './trusted-issuers/trusted-issuer-type.ts'
import { openTrustedIssuers, type TrustedIssuers } from './trusted-issuers/trusted-issuers.ts'

/** @returns undefined where no issuer is trusted. @throws Fault `config` for a rule that is not valid */
export function openServerTrust(
  { settings: { strategy, trustedIssuers = [] }, clock, log, fetch = globalThis.fetch }: ServeDeps,
  { db, audit, metrics }: { db: Db; audit: Audit; metrics: Metrics },
): { issuers: TrustedIssuers; exchange: ExchangeToken } | undefined {
  if (strategy.kind !== 'oauth' || trustedIssuers.length === 0) return undefined
  const seal = openSeal(strategy.sessionSecret, 'workload tokens')
  const issuers = openTrustedIssuers(trustedIssuers, {
    db,
    clock,
    log,
    fetch,
    seal,
    onVerified: (outcome) => metrics.jwt(outcome),
  })
  const reachOf = openReach(db)
  for (const issuer of trustedIssuers) {
    sayWhoComesIn(issuer, log)
    if (reachOf(issuer) !== undefined) continue
    log.warn('the tenant of a trusted issuer does not exist: nobody comes in by it', {
      issuer: issuer.issuer,
      tenant: issuer.tenant,
      hint: `create it with: fob server tenant add ${issuer.tenant}`,
    })
  }
  // Not waited for: a server starts whoever else is down.
  void issuers.fetchKeys()
  return {
    issuers,
    exchange: async (token, scopes, address) => {
      const found = await issuers.exchange(token, scopes, { address })
      if (found.kind === 'issued') {
        const { id: actor, tenant, credential } = workloadPrincipal(found.of)
        const entry = { tenantId: tenant.id, actor, target: found.id, address, credential }
        audit.record({ ...entry, action: 'workload-token.create' })
      }
      return found
    },
  }
}

/** Whose tokens are accepted, under which conditions, and for what. An issuer without a condition is worth a warning. */
function sayWhoComesIn(
  { issuer, audience, conditions, tenant, role, scopes, pipelines }: TrustedIssuer,
  log: Log,
): void {
  const fields = {
    issuer,
    audience,
    ...Object.fromEntries(
      conditions.map((one) =>
        one.kind === 'rule' ? ['rule', one.rule] : [one.claim, one.patterns.join(' ')],
      ),
    ),
    tenant,
    role,
    scopes: scopes.join(' '),
    pipelines: pipelines?.join(' ') ?? 'all',
  }
  if (conditions.length > 0) log.info('programs with a JWT of this issuer are let in', fields)
  else log.warn('every program with a JWT of this issuer for this audience is let in: set a rule', fields)
}
