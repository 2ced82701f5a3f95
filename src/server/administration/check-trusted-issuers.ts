/** Whether the trusted issuers of the settings can be used: their rules, and their keys. */
import { Fault } from '../../contract/fault.ts'
import type { Fetch } from '../../platform/fetch-type.ts'
import type { Finding } from '../db/check-database.ts'
import { createClaimCheck } from '../trusted-issuers/check-claims.ts'
import { fetchIssuerKeys } from '../trusted-issuers/fetch-issuer-keys.ts'
import type { TrustedIssuer } from '../trusted-issuers/trusted-issuer-type.ts'

/** Asks each for its keys, at the same time. */
export function checkTrustedIssuers(
  issuers: readonly TrustedIssuer[],
  { fetch }: { fetch: Fetch },
): Promise<Finding[]> {
  return Promise.all(issuers.map((issuer) => checkOne(issuer, fetch)))
}

async function checkOne(issuer: TrustedIssuer, fetch: Fetch): Promise<Finding> {
  const about = { check: `trusted issuer ${issuer.name}`, detail: issuer.issuer }
  try {
    createClaimCheck(issuer)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return { ...about, problem: `the trusted issuer ${issuer.name}: ${error.message}` }
  }
  const found = await fetchIssuerKeys(issuer, { fetch })
  if (found.kind === 'failed') return { ...about, problem: found.why }
  const count = found.keys.keys.length
  return { ...about, detail: `${issuer.issuer}, ${count} ${count === 1 ? 'key' : 'keys'}` }
}
