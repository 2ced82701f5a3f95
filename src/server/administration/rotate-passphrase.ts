/** Changing the vault's passphrase or key file from the command line. */
import { existsSync } from 'node:fs'
import { Fault } from '../../contract/fault.ts'
import type { Clock } from '../../platform/clock.ts'
import { databasePath } from '../db/database-files.ts'
import { openDatabase } from '../db/open-database.ts'
import type { Log } from '../log.ts'
import { openAccounts } from '../accounts/accounts.ts'
import type { VaultSettings } from '../settings/settings.ts'
import type { Unlock } from '../vault/backend-interface.ts'
import { rotateLock } from '../vault/rewrap-data-keys.ts'

/**
 * Puts the secrets under another passphrase or key file, whether or not a server runs on them: the keys are
 * wrapped again and no secret is touched. A running server continues; its next start needs the new one.
 * @throws Fault `config` when the one in `settings` is wrong; nothing is written then
 */
export async function rotatePassphrase(
  settings: VaultSettings & { dataDir: string },
  next: Unlock,
  deps: { clock: Clock; log: Log },
): Promise<void> {
  const { store, unlock, dataDir } = settings
  if (unlock === undefined) throw new Fault('usage', 'the current passphrase is needed')
  if (!store.lasting)
    throw new Fault('usage', 'secrets in the memory of a server cannot be reached from here')
  const path = databasePath(dataDir)
  if (!existsSync(path)) {
    throw new Fault('not_found', `there is no server data in ${dataDir}`, {
      hint: 'name its folder with --data DIR',
    })
  }
  const database = openDatabase(path)
  try {
    const { db } = database
    const accounts = await openAccounts({ db, clock: deps.clock, onCredentialsChanged: async () => {} })
    const backend = await store.open({ ...deps, db, defaultTenantId: accounts.defaultTenant().id, unlock })
    try {
      await rotateLock(backend, unlock, next)
    } finally {
      await backend.close()
    }
  } finally {
    database.close()
  }
}
