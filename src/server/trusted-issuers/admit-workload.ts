/** What the entries of the settings make of a token whose signature is good, or of one that we have issued. */
import { Fault } from '../../contract/fault.ts'
import type { Scope } from '../../contract/token-scopes.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Db } from '../db/open-database.ts'
import { type ClaimCheck, createClaimCheck, type SignedClaims } from './check-claims.ts'
import { openReach } from './tenant-and-pipelines.ts'
import type { TrustedIssuer } from './trusted-issuer-type.ts'

/** A program that is let in: a job of a CI, a service of a cluster. */
export interface Workload {
  /** The entry of the settings that lets it in. */
  issuer: TrustedIssuer
  /** The `sub` of its token. */
  subject: string
  /** By which token: the issuer's own, or one of ours that it was exchanged for. */
  token: { kind: 'jwt' | 'exchanged'; id: string }
  tenant: { id: string; slug: string }
  scopes: readonly Scope[]
  /** IDs of the only pipelines; null: all. */
  pipelines: ReadonlySet<string> | null
}

/** @property why for the log of the server */
type Admission = { kind: 'admitted'; workload: Workload } | { kind: 'refused'; why: string }

interface Admissions {
  /** By the first entry of the issuer that lets these claims in. @param id names the token in the audit log */
  byClaims(iss: string, claims: SignedClaims, id: string): Admission
  /** By the entry that let it in before. */
  again(token: Omit<Workload, 'tenant' | 'pipelines'>): Admission
}

/**
 * Waits for nothing, and reads nothing that `credential_epoch` does not count.
 * @throws Fault `config` naming the entry whose rule is not valid
 */
export function openAdmissions(
  issuers: readonly TrustedIssuer[],
  { db, clock }: { db: Db; clock: Pick<Clock, 'now'> },
): Admissions {
  const entries = issuers.map((issuer) => ({ issuer, check: checkOf(issuer) }))
  const reachOf = openReach(db)

  const again: Admissions['again'] = (token) => {
    const { issuer } = token
    const reach = reachOf(issuer)
    return reach === undefined
      ? { kind: 'refused', why: `there is no tenant ${issuer.tenant}` }
      : { kind: 'admitted', workload: { ...token, ...reach } }
  }

  return {
    again,
    byClaims(iss, claims, id) {
      const whys = new Set<string>()
      for (const { issuer, check } of entries) {
        if (issuer.issuer !== iss) continue
        const why = check(claims, clock.now() / 1000)
        const token = {
          issuer,
          subject: claims.sub,
          token: { kind: 'jwt', id },
          scopes: issuer.scopes,
        } as const
        const admission = why === undefined ? again(token) : ({ kind: 'refused', why } as const)
        if (admission.kind === 'admitted') return admission
        whys.add(admission.why)
      }
      return { kind: 'refused', why: [...whys].join('; ') }
    },
  }
}

function checkOf(issuer: TrustedIssuer): ClaimCheck {
  try {
    return createClaimCheck(issuer)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    throw new Fault('config', `the trusted issuer ${issuer.name}: ${error.message}`, {
      hint: error.hint,
      cause: error,
    })
  }
}
