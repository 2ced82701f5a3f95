/** Measures how long the vault and the transactions of the database take. */
import type { Db } from './db/open-database.ts'
import type { Metrics } from './metrics.ts'
import type { Vault } from './vault/vault-interface.ts'

/** Measures every transaction of `db` from now on. They are synchronous: meanwhile the server does nothing else. */
export function timeTransactions(db: Db, { took }: Metrics): void {
  const { transaction } = db
  db.transaction = (work, config) => {
    const start = performance.now()
    try {
      return transaction.call(db, work, config) as ReturnType<typeof work>
    } finally {
      took('database', 'transaction', (performance.now() - start) / 1000)
    }
  }
}

/** The same vault, measured where its store is asked. */
export function timedVault(vault: Vault, { took }: Metrics): Vault {
  async function timed<T>(operation: string, work: () => Promise<T>): Promise<T> {
    const start = performance.now()
    try {
      return await work()
    } finally {
      took('vault', operation, (performance.now() - start) / 1000)
    }
  }
  return {
    ...vault,
    get: (place) => timed('get', () => vault.get(place)),
    set: (place, value) => timed('set', () => vault.set(place, value)),
    list: (tenantId, scope) => timed('list', () => vault.list(tenantId, scope)),
    remove: (place) => timed('remove', () => vault.remove(place)),
  }
}
