/** Which store keeps the secrets, and what opens it. */
import { Fault } from '../../contract/fault.ts'
import type { Env } from '../../platform/processes/own-and-child-environment.ts'
import type { BackendChoice, Unlock } from '../vault/backend-interface.ts'
import { chooseBackend } from '../vault/backend-registry.ts'
import { readKeyFile } from './read-vault-key-file.ts'
import type { SettingValues } from './setting-values.ts'

/** Without `unlock`, nothing can be stored. */
export interface VaultSettings {
  store: BackendChoice
  unlock: Unlock | undefined
}

/** @throws Fault `config` for settings that clash, and for a key file that cannot be read */
export function chooseVault(values: SettingValues, env: Env): VaultSettings {
  const store = chooseBackend(values, env)
  const path = values['secrets-key-file']
  if (path === undefined) {
    const { passphrase } = store
    return { store, unlock: passphrase === undefined ? undefined : { kind: 'passphrase', passphrase } }
  }
  if (store.passphrase !== undefined) {
    throw new Fault('config', `--secrets-key-file and ${store.passphraseFlag} are both set`, {
      hint: 'keep one of the two',
    })
  }
  return { store, unlock: { kind: 'key file', key: readKeyFile(path) } }
}
