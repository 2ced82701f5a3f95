/** The system's keychain: macOS Keychain, Windows Credential Manager, Secret Service. The only importer of keytar. */

/** Set by `scripts/build`, so that only one addon is embedded; the source chooses by the machine. */
declare const FOB_KEYTAR_TARGET: string | undefined

/** Why a call of the keychain failed. */
export type KeychainReason =
  | 'no_library'
  | 'no_bus'
  | 'no_service'
  | 'locked'
  | 'denied'
  | 'timeout'
  | 'damaged'
  | 'failed'

/** Other programs that do with the keychain of a system what fob does, and show its error in full. */
const COMPARABLE: Readonly<Partial<Record<NodeJS.Platform, string>>> = {
  linux: 'secret-tool store --label=test test fob',
  darwin: 'security add-generic-password -a test -s fob -w test',
  win32: 'cmdkey /generic:fob /user:test /pass:test',
}

/** @param platform of `process.platform` */
export function unknownFailure(platform: NodeJS.Platform): string {
  const program = COMPARABLE[platform]
  const how = program === undefined ? '' : ` ("${program}" shows whether others can)`
  return `writing, reading or deleting an entry of it failed for a reason that fob does not know${how}`
}

/** Each reason as the end of "the keychain cannot be used: …". */
export const KEYCHAIN_REASONS: Readonly<Record<KeychainReason, string>> = {
  no_library: 'its library is not installed (libsecret on Linux)',
  no_bus: 'there is no D-Bus session',
  no_service: 'no keychain service is running',
  locked: 'it is locked',
  denied: 'it refused',
  timeout: 'it did not answer in time',
  damaged: 'what it holds is incomplete',
  failed: unknownFailure(process.platform),
}

/** The state of a keychain, in the words of `auth status`. */
type KeychainState = 'usable' | 'none' | 'no bus' | 'locked' | 'denied' | 'failing'

/** The result of a probe; `reason` where the keychain is not usable. */
export type Probe = { state: 'usable' } | { state: Exclude<KeychainState, 'usable'>; reason: KeychainReason }

const STATES: Readonly<Record<KeychainReason, Exclude<KeychainState, 'usable'>>> = {
  no_library: 'none',
  no_service: 'none',
  no_bus: 'no bus',
  locked: 'locked',
  denied: 'denied',
  timeout: 'failing',
  damaged: 'failing',
  failed: 'failing',
}

export type KeychainResult<T> = { ok: true; value: T } | { ok: false; reason: KeychainReason }

/** Entries by service and account. No call throws, and each one ends within the time limit. */
export interface Keychain {
  /** Undefined where there is no such entry; a locked keychain on Linux may look the same. */
  get(service: string, account: string): Promise<KeychainResult<string | undefined>>
  /** Writes and reads back: a write that cannot be read again counts as `locked`. */
  set(service: string, account: string, value: string): Promise<KeychainResult<void>>
  /** False where there was nothing to delete. */
  delete(service: string, account: string): Promise<KeychainResult<boolean>>
}

/** What the addon exports; `@github/keytar`'s own JavaScript is a thin wrapper around this. */
interface Addon {
  getPassword(service: string, account: string): Promise<string | null>
  setPassword(service: string, account: string, value: string): Promise<void>
  deletePassword(service: string, account: string): Promise<boolean>
}

/**
 * Opens the keychain; the addon is loaded at the first call.
 * @param timeoutMs the time limit of a call: keychains hang on a prompt that nobody sees or a bus that is silent
 */
export function openKeychain({ timeoutMs = 3000 }: { timeoutMs?: number } = {}): Keychain {
  let addon: Addon | undefined
  const call = <T>(use: (addon: Addon) => Promise<T>): Promise<KeychainResult<T>> =>
    bounded(timeoutMs, async () => use((addon ??= loadAddon())))
  const get: Keychain['get'] = async (service, account) =>
    call(async (a) => (await a.getPassword(service, account)) ?? undefined)
  return {
    get,
    set: async (service, account, value) => {
      const written = await call((a) => a.setPassword(service, account, value))
      if (!written.ok) return written
      const read = await get(service, account)
      if (!read.ok) return read
      return read.value === value ? { ok: true, value: undefined } : { ok: false, reason: 'locked' }
    },
    delete: (service, account) => call((a) => a.deletePassword(service, account)),
  }
}

/**
 * Finds out whether a keychain is usable by writing, reading and deleting an entry: a locked one can look like an
 * empty one until something is written.
 */
export async function probeKeychain(keychain: Keychain, service: string): Promise<Probe> {
  const account = `probe ${crypto.randomUUID()}`
  const written = await keychain.set(service, account, account)
  const deleted = written.ok ? await keychain.delete(service, account) : written
  if (!deleted.ok) return { state: STATES[deleted.reason], reason: deleted.reason }
  return { state: 'usable' }
}

async function bounded<T>(timeoutMs: number, work: () => Promise<T>): Promise<KeychainResult<T>> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const timeout = new Promise<KeychainResult<T>>((resolve) => {
    timer = setTimeout(() => resolve({ ok: false, reason: 'timeout' }), timeoutMs)
  })
  const result = work().then(
    (value): KeychainResult<T> => ({ ok: true, value }),
    (error: unknown): KeychainResult<T> => ({ ok: false, reason: reasonOf(error) }),
  )
  try {
    return await Promise.race([result, timeout])
  } finally {
    clearTimeout(timer)
  }
}

/** How the messages of libsecret, Keychain Services and Windows are recognized: the addon passes on their text alone. */
const PATTERNS: readonly (readonly [KeychainReason, RegExp])[] = [
  ['no_library', /shared object|dlopen|no prebuilt addon|cannot find module|image not found/i],
  ['no_bus', /autolaunch|could not connect|DBUS_SESSION_BUS_ADDRESS|connection is closed/i],
  ['locked', /locked|interaction is not allowed|-25308/i],
  ['no_service', /not provided by any|does not exist at path|no such secret|ServiceUnknown|Spawn\./i],
  ['denied', /cancell?ed|denied|dismissed|passphrase you entered|-128|-25293/i],
  ['timeout', /timed? ?out/i],
]

/** The reason that an error of the addon stands for. The text itself is not passed on. */
export function reasonOf(error: unknown): KeychainReason {
  const text = error instanceof Error ? error.message : ''
  return PATTERNS.find(([, pattern]) => pattern.test(text))?.[0] ?? 'failed'
}

function loadAddon(): Addon {
  // Each comparison is decided at build time, so that only one addon is embedded.
  if (typeof FOB_KEYTAR_TARGET === 'undefined') return require(addonPath()) as Addon
  if (FOB_KEYTAR_TARGET === 'linux-x64') return require('keytar/prebuilds/linux-x64/keytar.node') as Addon
  if (FOB_KEYTAR_TARGET === 'linux-arm64') return require('keytar/prebuilds/linux-arm64/keytar.node') as Addon
  if (FOB_KEYTAR_TARGET === 'linuxmusl-x64') {
    return require('keytar/prebuilds/linuxmusl-x64/keytar.node') as Addon
  }
  if (FOB_KEYTAR_TARGET === 'linuxmusl-arm64') {
    return require('keytar/prebuilds/linuxmusl-arm64/keytar.node') as Addon
  }
  if (FOB_KEYTAR_TARGET === 'darwin-x64') return require('keytar/prebuilds/darwin-x64/keytar.node') as Addon
  if (FOB_KEYTAR_TARGET === 'darwin-arm64') {
    return require('keytar/prebuilds/darwin-arm64/keytar.node') as Addon
  }
  if (FOB_KEYTAR_TARGET === 'win32-x64') return require('keytar/prebuilds/win32-x64/keytar.node') as Addon
  if (FOB_KEYTAR_TARGET === 'win32-arm64') return require('keytar/prebuilds/win32-arm64/keytar.node') as Addon
  throw new Error('no prebuilt addon for this system')
}

/** The addon for the machine that runs the source: in `linuxmusl-…` where the C library is musl. */
function addonPath(): string {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined
  const musl = process.platform === 'linux' && report?.header?.glibcVersionRuntime === undefined
  return `keytar/prebuilds/${process.platform}${musl ? 'musl' : ''}-${process.arch}/keytar.node`
}
