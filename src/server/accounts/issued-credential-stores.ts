/** The credentials that this server issues with a prefix, opened together. */
import type { Clock } from '../../platform/clock.ts'
import type { Db } from '../db/open-database.ts'
import { type DownloadTokens, openDownloadTokens } from './download-tokens.ts'
import { type Nonces, openNonces } from './used-signature-nonces.ts'
import { openRunners, type Runners } from './runners.ts'
import { openServiceKeys, type ServiceKeys } from './service-keys.ts'
import { type CliTokens, openCliTokens } from './scoped-tokens.ts'

/** Everything with a prefix that this server issues; access and refresh tokens are the issuer's. */
export interface Issued {
  cliTokens: CliTokens
  runners: Runners
  serviceKeys: ServiceKeys
  downloads: DownloadTokens
  nonces: Nonces
  /** Deletes what has expired; to be called now and then. */
  purgeExpired(): Promise<void>
}

export function openIssued(deps: { db: Db; clock: Clock }): Issued {
  const serviceKeys = openServiceKeys(deps)
  const downloads = openDownloadTokens(deps)
  const nonces = openNonces(deps.db)
  return {
    cliTokens: openCliTokens(deps),
    runners: openRunners(deps),
    serviceKeys,
    downloads,
    nonces,
    async purgeExpired() {
      const now = deps.clock.now()
      for (const part of [serviceKeys, downloads, nonces]) await part.purge(now)
    },
  }
}
