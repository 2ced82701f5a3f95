/** Opens the vault that the settings ask for, when the server starts, and stores the secrets given at its start. */
import { Fault } from '../contract/fault.ts'
import { MIN_SECRET_BYTES } from '../contract/api/secrets.ts'
import type { Clock } from '../platform/clock.ts'
import type { Secret } from '../redact/secret.ts'
import type { Db } from './db/open-database.ts'
import type { Log } from './log.ts'
import type { VaultSettings } from './settings/settings.ts'
import type { Backend } from './vault/backend-interface.ts'
import { openVault } from './vault/open-vault.ts'
import { sizeProblem } from './vault/secret-size-limits.ts'
import { openSecretUses } from './vault/last-secret-uses.ts'
import type { Vault } from './vault/vault-interface.ts'

export interface OpenVaultDeps {
  settings: VaultSettings
  /** The server's own database. */
  db: Db
  defaultTenantId: string
  clock: Clock
  log: Log
}

/** @throws Fault `config` on a wrong passphrase, or saying what is wrong with the store */
export async function openServerVault({ settings, ...deps }: OpenVaultDeps): Promise<Vault> {
  const { store, unlock } = settings
  const backend = await store.open({ ...deps, unlock })
  if (unlock === undefined && !store.encrypts) await warnOfLocked(backend, store.passphraseFlag, deps.log)
  return openVault({
    backend,
    unlock,
    storeEncrypts: store.encrypts,
    passphraseFlag: store.passphraseFlag,
    uses: openSecretUses(deps),
    clock: deps.clock,
  })
}

/** Started without what opens them: every run that needs a secret would fail, one by one. */
async function warnOfLocked(backend: Backend, passphraseFlag: string, log: Log): Promise<void> {
  const { length: secrets } = await backend.places()
  if (secrets === 0) return
  log.warn(
    'secrets are stored here, and the server was started without the passphrase: no run is given any',
    {
      secrets,
      store: backend.name,
      hint: `start it with ${passphraseFlag}-file PATH, or with --secrets-key-file PATH where a key file was used`,
    },
  )
}

/**
 * `server --secret`: the secrets of all tenants. One that is set to the same value already is left alone, so
 * that the time of its last change stays true.
 * @throws Fault `config` when a value is empty or too short to be hidden, or the vault is locked
 */
export async function setServerSecrets(vault: Vault, secrets: ReadonlyMap<string, Secret>): Promise<void> {
  for (const [key, value] of secrets) {
    const problem = sizeProblem(value)
    if (problem !== undefined) {
      const limits = {
        empty: 'is empty',
        short: `has fewer than ${MIN_SECRET_BYTES} bytes`,
        long: 'is too long',
      }
      throw new Fault('config', `--secret: the value of ${key} ${limits[problem]}`)
    }
    const place = { tenantId: '', scope: 'server', key } as const
    const before = await vault.get(place)
    if (before?.bytes().equals(value.bytes()) !== true) await vault.set(place, value)
  }
}
