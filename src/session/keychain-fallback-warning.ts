import { KEYCHAIN_REASONS, type KeychainReason } from '../platform/keychain/keychain.ts'
import type { Saved } from '../store/store.ts'

/** The one warning when a credential that should rest in the keychain does not (S199); else undefined. */
export function fallbackWarning(saved: Saved, path: string): string | undefined {
  if (saved.place === 'keychain' || saved.reason === undefined || saved.reason === 'asked') return undefined
  const why = KEYCHAIN_REASONS[saved.reason]
  return `warning: the keychain cannot be used, ${why}; the credential rests in ${path}, readable only by you`
}

/** Why a stored login is not in the keychain, for `auth status`. */
export function placeReasonText(reason: string | undefined): string | undefined {
  if (reason === undefined) return undefined
  if (reason === 'asked') return 'asked for with --insecure-storage'
  if (reason === 'named') return 'named with --auth-config'
  return isKeychainReason(reason) ? `the keychain cannot be used, ${KEYCHAIN_REASONS[reason]}` : reason
}

function isKeychainReason(text: string): text is KeychainReason {
  return Object.hasOwn(KEYCHAIN_REASONS, text)
}
