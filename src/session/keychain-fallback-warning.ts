/** Why a credential is not stored in the keychain, in words. */
import { KEYCHAIN_REASONS, type KeychainReason } from '../platform/keychain/keychain.ts'
import type { Saved } from '../store/store-interface.ts'

/** A warning where the keychain was to be used and could not be; undefined in any other case. */
export function fallbackWarning(saved: Saved, path: string): string | undefined {
  const { storageReason } = saved
  if (storageReason === undefined || !isKeychainReason(storageReason)) return undefined
  const why = KEYCHAIN_REASONS[storageReason]
  return `warning: the keychain cannot be used, ${why}; the credential rests in ${path}, readable only by you`
}

/** Why a stored login is not in the keychain, for `auth status`. */
export function storageReasonText(reason: string | undefined): string | undefined {
  if (reason === undefined) return undefined
  if (reason === 'asked') return 'asked for with --insecure-storage'
  if (reason === 'named') return 'named with --auth-config'
  return isKeychainReason(reason) ? `the keychain cannot be used, ${KEYCHAIN_REASONS[reason]}` : reason
}

function isKeychainReason(text: string): text is KeychainReason {
  return Object.hasOwn(KEYCHAIN_REASONS, text)
}
