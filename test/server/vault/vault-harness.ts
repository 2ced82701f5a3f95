/** Vaults on any backend for tests, with fast keys and a backend that pauses before a call. */
import { systemClock, type Clock } from '../../../src/platform/clock.ts'
import { Secret } from '../../../src/redact/secret.ts'
import { openDatabase } from '../../../src/server/db/open-database.ts'
import type { Backend, Unlock } from '../../../src/server/vault/backend-interface.ts'
import { openVault } from '../../../src/server/vault/open-vault.ts'
import { openSecretUses, type SecretUses } from '../../../src/server/vault/last-secret-uses.ts'
import type { SecretPlace, Vault } from '../../../src/server/vault/vault-interface.ts'
import { cheapPassphrase } from '../../support/cheap-vault.ts'

export const PASSPHRASE = 'correct horse'

export function withPassphrase(text: string = PASSPHRASE): Unlock {
  return cheapPassphrase(text)
}

/** As a server has it, with the derivation at its real cost. */
export function withPassphraseAtRealCost(text: string = PASSPHRASE): Unlock {
  return { kind: 'passphrase', passphrase: new Secret(text) }
}

/** A key file's worth: opens at once, where the derivation is not what a test is about. */
export function withKey(byte = 7): Unlock {
  return { kind: 'key file', key: new Secret(Buffer.alloc(32, byte)) }
}

export function place(key: string, scope: SecretPlace['scope'] = 'global'): SecretPlace {
  return { tenantId: 'ten_1', scope, key }
}

/** A vault on `backend`, its uses in memory unless they are given. */
export function vaultOn(
  backend: Backend,
  options: { unlock?: Unlock | undefined; clock?: Clock; uses?: SecretUses; storeEncrypts?: boolean } = {},
): Promise<Vault> {
  const { clock = systemClock } = options
  return openVault({
    backend,
    unlock: 'unlock' in options ? options.unlock : withKey(),
    uses: options.uses ?? openSecretUses({ db: openDatabase(':memory:').db, clock }),
    storeEncrypts: options.storeEncrypts === true,
    passphraseFlag: '--secrets-sqlite-passphrase',
    clock,
  })
}

/** A backend that pauses before a call: where another server comes in between. */
export function interrupted(
  backend: Backend,
  before: Partial<Record<'read' | 'write' | 'readHeader' | 'writeHeader', () => Promise<void>>>,
): Backend {
  return {
    ...backend,
    async read(at) {
      await before.read?.()
      return backend.read(at)
    },
    async write(...args) {
      await before.write?.()
      return backend.write(...args)
    },
    async readHeader() {
      await before.readHeader?.()
      return backend.readHeader()
    },
    async writeHeader(...args) {
      await before.writeHeader?.()
      return backend.writeHeader(...args)
    },
  }
}

/** Re-encrypts to the end. */
export async function reEncryptAll(vault: Vault) {
  let answer = await vault.reEncrypt()
  while (!answer.finished) answer = await vault.reEncrypt()
  return answer
}
