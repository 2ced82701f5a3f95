/** Values that are too long for one entry of a keychain, stored in several. */
import type { Keychain, KeychainResult } from './keychain.ts'

/** The limit of Windows' Credential Manager (CRED_MAX_CREDENTIAL_BLOB_SIZE), the lowest of the three systems. */
export const MAX_ENTRY_BYTES = 2560
/** 160 KiB, more than any credential has. A head with more parts is not one of ours. */
const MAX_PARTS = 64
const READ_TRIES = 3

/** The parts of a value and of its successor use different slots, so that neither is overwritten halfway. */
type Slot = 'a' | 'b'
interface Head {
  slot: Slot
  count: number
  sha256: string
}

/**
 * A keychain that takes values of up to 160 KiB on every system. A value that is too long for one entry is stored in
 * parts, and the entry itself (the head) names their slot, their number and the SHA-256 of the value. A value is
 * replaced by writing its parts, then the head, then deleting the old parts: a process that is killed in between leaves
 * the old value or the new one. Parts that do not match the head are `damaged`, never a wrong value.
 * Writers of one entry must hold a lock; readers need none.
 */
export function withParts(keychain: Keychain): Keychain {
  return {
    get: (service, account) => getWhole(keychain, service, account),
    set: async (service, account, value) => {
      const before = await keychain.get(service, account)
      const head = before.ok && before.value !== undefined ? parseHead(before.value) : undefined
      const pieces = fits(value) ? [] : cut(value)
      if (pieces.length > MAX_PARTS) return { ok: false, reason: 'failed' }
      const slot: Slot = head?.slot === 'a' ? 'b' : 'a'
      for (const [i, piece] of pieces.entries()) {
        const put = await keychain.set(service, partName(account, slot, i + 1), piece)
        if (!put.ok) return put
      }
      const entry =
        pieces.length === 0 ? value : formatHead({ slot, count: pieces.length, sha256: sha256(value) })
      const put = await keychain.set(service, account, entry)
      if (!put.ok) return put
      await deleteParts(keychain, service, account, { slot: 'a', from: firstUnused('a', slot, pieces) })
      await deleteParts(keychain, service, account, { slot: 'b', from: firstUnused('b', slot, pieces) })
      return { ok: true, value: undefined }
    },
    delete: async (service, account) => {
      const deleted = await keychain.delete(service, account)
      if (!deleted.ok) return deleted
      for (const slot of ['a', 'b'] as const) await deleteParts(keychain, service, account, { slot, from: 1 })
      return deleted
    },
  }
}

async function getWhole(
  keychain: Keychain,
  service: string,
  account: string,
): Promise<KeychainResult<string | undefined>> {
  for (let attempt = 0; attempt < READ_TRIES; attempt++) {
    const entry = await keychain.get(service, account)
    if (!entry.ok || entry.value === undefined || !entry.value.startsWith(MARK)) return entry
    const head = parseHead(entry.value)
    if (head === undefined) break
    const whole = await join(keychain, service, account, head)
    if (!whole.ok) return whole
    if (whole.value !== undefined) return whole
    // A writer may have replaced the value between the two reads: read the head again.
  }
  return { ok: false, reason: 'damaged' }
}

/** Undefined when the parts do not match the head. */
async function join(
  keychain: Keychain,
  service: string,
  account: string,
  { slot, count, sha256: wanted }: Head,
): Promise<KeychainResult<string | undefined>> {
  let value = ''
  for (let i = 1; i <= count; i++) {
    const part = await keychain.get(service, partName(account, slot, i))
    if (!part.ok) return part
    value += part.value ?? ''
  }
  return { ok: true, value: sha256(value) === wanted ? value : undefined }
}

/** The number of the first part in `slot` that the stored value does not use. */
function firstUnused(slot: Slot, used: Slot, pieces: readonly string[]): number {
  return slot === used ? pieces.length + 1 : 1
}

/** Parts are written upwards and deleted downwards, so that what a killed process leaves has no gaps. */
async function deleteParts(
  keychain: Keychain,
  service: string,
  account: string,
  { slot, from }: { slot: Slot; from: number },
): Promise<void> {
  let last = from - 1
  while (last < MAX_PARTS) {
    const next = await keychain.get(service, partName(account, slot, last + 1))
    if (!next.ok || next.value === undefined) break
    last++
  }
  for (let i = last; i >= from; i--) await keychain.delete(service, partName(account, slot, i))
}

function partName(account: string, slot: Slot, number: number): string {
  return `${account} part ${slot}${number}`
}

const MARK = 'fob-parts:'

function formatHead({ slot, count, sha256 }: Head): string {
  return `${MARK}${slot}:${count}:${sha256}`
}

function parseHead(text: string): Head | undefined {
  const [, slot, count, sha256] = /^fob-parts:([ab]):(\d{1,2}):([0-9a-f]{64})$/.exec(text) ?? []
  if (slot === undefined || sha256 === undefined || Number(count) > MAX_PARTS) return undefined
  return { slot: slot === 'a' ? 'a' : 'b', count: Number(count), sha256 }
}

/** Whether a value is stored in one entry. A value that could be mistaken for a head is not. */
function fits(value: string): boolean {
  return Buffer.byteLength(value) <= MAX_ENTRY_BYTES && !value.startsWith(MARK)
}

/** Cuts a value between characters into pieces of at most `MAX_ENTRY_BYTES` bytes. */
function cut(value: string): string[] {
  const bytes = Buffer.from(value)
  const pieces: string[] = []
  for (let start = 0; start < bytes.length;) {
    let end = Math.min(start + MAX_ENTRY_BYTES, bytes.length)
    while (end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
    pieces.push(bytes.toString('utf8', start, end))
    start = end
  }
  return pieces
}

function sha256(text: string): string {
  return new Bun.CryptoHasher('sha256').update(text).digest('hex')
}
