/** Vaults whose passphrase is cheap to derive: the header says the cost, so whatever opens one is quick as well. */
import { systemClock } from '../../src/platform/clock.ts'
import { Secret } from '../../src/redact/secret.ts'
import type { Unlock } from '../../src/server/vault/backend-interface.ts'
import { openKeys } from '../../src/server/vault/data-keys.ts'
import { openSqliteFile } from '../../src/server/vault/sqlite/sqlite-backend.ts'

/** The least that a header may say: an eighth of what a server's own header costs. */
const LEAST_COST = { N: 2 ** 14, r: 8, p: 1 }

export function cheapPassphrase(text: string): Unlock {
  return { kind: 'passphrase', passphrase: new Secret(text), cost: LEAST_COST }
}

/**
 * The vault of a server that will be started, where its creation is not what is tested.
 * @param database the server's own, or one of secrets alone
 */
export async function createCheapVault(database: string, passphrase: string): Promise<void> {
  const backend = await openSqliteFile(database, systemClock)
  try {
    await openKeys(backend, cheapPassphrase(passphrase))
  } finally {
    await backend.close()
  }
}
