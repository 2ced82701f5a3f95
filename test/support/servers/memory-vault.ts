/** A vault in memory. */
import type { Secret } from '../../../src/redact/secret.ts'
import type { SecretEntry, SecretPlace, Vault } from '../../../src/server/vault/vault-interface.ts'

/** A vault without a passphrase or a file, for tests of what uses one. */
export function memoryVault(): Vault {
  const rows = new Map<string, { entry: SecretEntry; value: Secret }>()
  return {
    set: async (place, value) =>
      void rows.set(idOf(place), { entry: { ...place, updatedAt: Date.now(), lastUsed: undefined }, value }),
    get: async (place) => rows.get(idOf(place))?.value,
    list: async (tenantId, scope) =>
      [...rows.values()]
        .map(({ entry }) => entry)
        .filter((entry) => entry.tenantId === tenantId && (scope === undefined || entry.scope === scope)),
    remove: async (place) => rows.delete(idOf(place)),
    removeScope: async (tenantId, scope) => {
      for (const [id, { entry }] of rows)
        if (entry.tenantId === tenantId && entry.scope === scope) rows.delete(id)
    },
    touch: async (place, runId) => {
      const row = rows.get(idOf(place))
      if (row !== undefined) row.entry.lastUsed = { runId, at: 0 }
    },
    reEncrypt: () => Promise.reject(new Error('this vault has no keys')),
    close: async () => {},
  }
}

function idOf({ tenantId, scope, key }: SecretPlace): string {
  return JSON.stringify([scope === 'server' ? '' : tenantId, scope, key])
}
