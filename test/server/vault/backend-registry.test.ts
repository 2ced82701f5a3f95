/** The registry of secret stores: the choice between S3, SQLite and others by their settings. */
import { describe, expect, test } from 'bun:test'
import { Secret } from '../../../src/redact/secret.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { openDatabase } from '../../../src/server/db/open-database.ts'
import { SETTING_NAMES } from '../../../src/server/settings/setting-table.ts'
import type { Backend, BackendKind, StoredRecord } from '../../../src/server/vault/backend-interface.ts'
import { BACKENDS, chooseBackend } from '../../../src/server/vault/backend-registry.ts'
import type { SecretPlace } from '../../../src/server/vault/vault-interface.ts'
import { vaultContract } from './contract.ts'
import { place, vaultOn } from './vault-harness.ts'

const idOf = (at: SecretPlace) => JSON.stringify([at.tenantId, at.scope, at.key])

/** All that a new store takes: this, and its name in the list of the registry. */
function storeInMemory(): Backend {
  let header: string | undefined
  const records = new Map<string, { place: SecretPlace; record: StoredRecord; revision: string }>()
  let revision = 0
  const placesOf = () => [...records.values()].map(({ place }) => place)
  return {
    name: 'memory',
    readHeader: async () => (header === undefined ? undefined : { text: header, revision: header }),
    async writeHeader(text, expected) {
      if (header !== expected) return false
      header = text
      return true
    },
    read: async (at) => records.get(idOf(at)),
    async write(at, record, expected) {
      if (expected !== undefined && records.get(idOf(at))?.revision !== expected) return false
      records.set(idOf(at), { place: at, record, revision: String(++revision) })
      return true
    },
    remove: async (at) => records.delete(idOf(at)),
    list: async (tenantId, scope) =>
      [...records.values()]
        .filter(({ place }) => place.tenantId === tenantId && (scope === undefined || place.scope === scope))
        .map(({ place, record }) => Object.assign({ updatedAt: record.updatedAt }, place)),
    places: async () => placesOf(),
    close: async () => {},
  }
}

vaultContract('a store that was written for this test', async () => {
  const backend = storeInMemory()
  return { backend, again: async () => backend }
})

describe('S99: the registry', () => {
  const kind: BackendKind = {
    name: 'memory',
    settings: { 'secrets-memory-size': { value: 'N', description: 'for the test' } },
    choose: (values) =>
      values['secrets-memory-size'] === undefined
        ? undefined
        : {
            kind: 'memory',
            passphrase: undefined,
            passphraseFlag: '--secrets-memory-passphrase',
            encrypts: false,
            lasting: false,
            open: async () => storeInMemory(),
          },
  }

  test('a store that is registered is chosen by its settings', async () => {
    const kinds = [kind, ...BACKENDS]
    expect(chooseBackend({}, {}, kinds).kind).toBe('sqlite')
    const choice = chooseBackend({ 'secrets-memory-size': '1' }, {}, kinds)
    const log = { info: () => {}, warn: () => {}, error: () => {} }
    const { db } = openDatabase(':memory:')
    const deps = { db, defaultTenantId: 'ten_1', unlock: undefined, clock: systemClock, log }
    const vault = await vaultOn(await choice.open(deps))
    await vault.set(place('KEY'), new Secret('value'))
    expect((await vault.get(place('KEY')))?.reveal()).toBe('value')
  })

  test('S76: S3 comes before SQLite when a bucket is named, and only then', () => {
    const sqlite = { 'secrets-sqlite-passphrase': 'a', 'secrets-sqlite-path': 'x.db' }
    expect(chooseBackend({ ...sqlite, 'secrets-s3-bucket': 'b' }, {}).kind).toBe('s3')
    expect(chooseBackend(sqlite, {}).kind).toBe('sqlite')
  })

  test('the settings of every store are settings of the server', () => {
    for (const { settings } of BACKENDS) {
      for (const name of Object.keys(settings)) expect(SETTING_NAMES as readonly string[]).toContain(name)
    }
  })
})
