/** A keychain in memory. */
import type { Keychain, KeychainReason } from '../../../src/platform/keychain/keychain.ts'

/** A keychain in memory that can refuse, and counts how often it is woken. */
export function memoryKeychain() {
  const entries = new Map<string, string>()
  const state: { refuses: KeychainReason | undefined; calls: number } = { refuses: undefined, calls: 0 }
  const answer = <T>(value: () => T) => {
    state.calls++
    return Promise.resolve(
      state.refuses === undefined
        ? ({ ok: true, value: value() } as const)
        : ({ ok: false, reason: state.refuses } as const),
    )
  }
  const keychain: Keychain = {
    get: (service, account) => answer(() => entries.get(`${service} ${account}`)),
    set: (service, account, value) => answer(() => void entries.set(`${service} ${account}`, value)),
    delete: (service, account) => answer(() => entries.delete(`${service} ${account}`)),
  }
  return { keychain, entries, state }
}
