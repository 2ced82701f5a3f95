/** The store of a command, by flag, variable and home. */
import { join, resolve } from 'node:path'
import { present } from '../contract/omit-undefined.ts'
import type { Clock } from '../platform/clock.ts'
import type { Keychain } from '../platform/keychain/keychain.ts'
import type { Env } from '../platform/processes/own-and-child-environment.ts'
import { credentialStore } from './credential-store.ts'
import { credentialsFile } from './credentials-file.ts'
import { keychainSecrets } from './keychain-secrets.ts'
import type { Store } from './store-interface.ts'

export interface OpenStoreOptions {
  /** `$FOB_HOME` or `~/.fob`. */
  home: string
  env: Env
  /** `--auth-config`. */
  authConfig: string | undefined
  clock: Clock
  signal?: AbortSignal
  keychain?: () => Keychain
}

/**
 * The file named by `--auth-config`, `FOB_AUTH_CONFIG` or `CI_AUTH_CONFIG` and nothing else, or the keychain with the
 * file of the home behind it. Opens nothing yet.
 */
export function openStore(options: OpenStoreOptions): Store {
  const { home, env, clock, signal } = options
  const common = present({ clock, signal })
  const named = options.authConfig ?? (env.FOB_AUTH_CONFIG || env.CI_AUTH_CONFIG || undefined)
  if (named !== undefined) {
    const file = credentialsFile(resolve(named), { ...common, ownFolder: false })
    return credentialStore({ file, keychain: undefined, storageReason: 'named' })
  }
  let keychain: Keychain | undefined
  const open = async () => {
    const { openKeychain } = await import('../platform/keychain/keychain.ts')
    return (keychain ??= options.keychain?.() ?? openKeychain())
  }
  return credentialStore({
    file: credentialsFile(join(home, 'credentials'), { ...common, ownFolder: true }),
    keychain: keychainSecrets(open, env.FOB_HOME ? `fob ${resolve(home)}` : 'fob'),
  })
}
