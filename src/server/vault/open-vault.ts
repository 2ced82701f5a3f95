/** The vault, joined from a backend, its keys and the cipher. */
import { Fault } from '../../contract/fault.ts'
import { Secret } from '../../redact/secret.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Backend, StoredRecord, Unlock } from './backend-interface.ts'
import { readPlain } from './cipher.ts'
import { openKeys, type Keys } from './data-keys.ts'
import { createReEncrypt } from './re-encrypt.ts'
import { type Codec, plain, sealing } from './seal-and-open-record-values.ts'
import type { SecretUses } from './last-secret-uses.ts'
import type { SecretPlace, SecretScope, Vault } from './vault-interface.ts'

export interface VaultDeps {
  backend: Backend
  /** Undefined: names can be listed and secrets deleted, nothing can be stored or read. */
  unlock: Unlock | undefined
  /** True where the store encrypts by itself, so that values may go there without a passphrase of ours. */
  storeEncrypts?: boolean
  /** What messages name as the way to give a passphrase. */
  passphraseFlag: string
  uses: SecretUses
  clock: Clock
}

/**
 * The vault on `backend`; closes it when it cannot be opened.
 * @throws Fault `config` on a wrong passphrase; nothing has been written then
 */
export async function openVault(deps: VaultDeps): Promise<Vault> {
  const { backend, uses, clock } = deps
  try {
    const keys = deps.unlock === undefined ? undefined : await openKeys(backend, deps.unlock)
    const codec = await chooseCodec(deps, keys)
    const reEncrypt = keys === undefined ? undefined : createReEncrypt({ backend, keys, clock })
    return {
      async set(asked, value) {
        const place = normal(asked)
        const updatedAt = clock.now()
        await codec.seal(place, value.bytes(), async (sealed) => {
          await backend.write(place, { sealed, updatedAt })
        })
      },

      async get(asked) {
        const place = normal(asked)
        const stored = await backend.read(place)
        if (stored === undefined) return undefined
        const value = await codec.open(place, stored.record.sealed)
        if (value === undefined) throw doesNotOpen(place, stored.record)
        return new Secret(value)
      },

      touch: (place, runId) => uses.touch(normal(place), runId),

      async list(tenantId, scope) {
        const tenant = scope === 'server' ? '' : tenantId
        const [entries, used] = await Promise.all([backend.list(tenant, scope), uses.of(tenant)])
        return entries
          .filter((entry) => scope !== undefined || !entry.scope.startsWith('run/'))
          .map((entry) => Object.assign(entry, { lastUsed: used.get(`${entry.scope} ${entry.key}`) }))
          .toSorted((a, b) => order(a.scope, b.scope) || order(a.key, b.key))
      },

      async remove(asked) {
        const place = normal(asked)
        const there = await backend.remove(place)
        await uses.forget(place)
        return there
      },

      async removeScope(tenantId, scope) {
        for (const entry of await backend.list(normalTenant(tenantId, scope), scope)) {
          await backend.remove(entry)
          await uses.forget(entry)
        }
      },

      async reEncrypt() {
        if (reEncrypt === undefined) throw locked(deps.passphraseFlag)
        return reEncrypt()
      },

      close: () => backend.close(),
    }
  } catch (error) {
    await backend.close()
    throw error
  }
}

async function chooseCodec(deps: VaultDeps, keys: Keys | undefined): Promise<Codec> {
  if (keys !== undefined) return sealing(keys)
  // A vault that was locked once is not written to in the clear because a setting was forgotten.
  if (deps.storeEncrypts === true && (await deps.backend.readHeader()) === undefined) return plain
  const refuse = () => Promise.reject(locked(deps.passphraseFlag))
  return { seal: refuse, open: refuse }
}

/** The server's own secrets belong to no tenant. */
function normal(place: SecretPlace): SecretPlace {
  const { scope, key } = place
  return { tenantId: normalTenant(place.tenantId, scope), scope, key }
}

function normalTenant(tenantId: string, scope: SecretScope): string {
  return scope === 'server' ? '' : tenantId
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function locked(passphraseFlag: string): Fault {
  return new Fault('config', 'this server cannot store secrets: it was started without a passphrase', {
    hint: `start the server with ${passphraseFlag}-file PATH, or with --secrets-key-file PATH; to try fob, with --dev`,
  })
}

function doesNotOpen({ key, scope }: SecretPlace, { sealed }: StoredRecord): Fault {
  const why =
    readPlain(sealed) === undefined ? 'the stored value was changed' : 'it was stored without a passphrase'
  return new Fault('failed', `the secret ${key} (${scope}) does not open: ${why}`, {
    hint: `set the secret again with "fob secrets set ${key}"`,
  })
}
