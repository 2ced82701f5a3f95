/**
 * The header of a vault: how the wrapping key comes from the passphrase, a canary that a wrong one does not open,
 * and the data keys, wrapped. It holds no secret in the clear and is stored next to the records.
 */
import { randomBytes } from 'node:crypto'
import * as v from 'valibot'
import { Fault } from '../../contract/fault.ts'
import { parseJson } from '../../platform/parse-json.ts'
import type { Unlock } from './backend-interface.ts'
import {
  associatedData,
  type DataKey,
  deriveKey,
  KEY_BYTES,
  legacyKey,
  newDataKey,
  newKdfParameters,
  open,
  seal,
} from './cipher.ts'

const CANARY = Buffer.from('fob vault canary')
/** Stands for the wrapping key where a sealed value names its key. */
const WRAPPING_ID = '0'.repeat(16)

const wrapped = v.pipe(v.string(), v.base64())

const lockSchema = v.variant('name', [
  v.strictObject({
    name: v.literal('scrypt'),
    // Bounded, so that a doctored header cannot make the start take all memory.
    N: v.pipe(v.number(), v.integer(), v.minValue(2 ** 14), v.maxValue(2 ** 20)),
    r: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(32)),
    p: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(16)),
    salt: v.string(),
  }),
  v.strictObject({ name: v.literal('key file') }),
])

const headerSchema = v.strictObject({
  version: v.literal(1),
  /** How the wrapping key is had. */
  lock: lockSchema,
  /** A known text, sealed under the wrapping key. */
  canary: wrapped,
  /** The last one is in use; the others open what has not been moved yet. */
  keys: v.pipe(
    v.array(v.strictObject({ id: v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/)), wrapped })),
    v.minLength(1),
  ),
  /** The key of records in the old form, while there are any. */
  legacy: v.optional(wrapped),
  /** The key that the store encrypts under, where it takes one from us (SSE-C). */
  store: v.optional(wrapped),
})
type Header = v.InferOutput<typeof headerSchema>

/** A header that was opened. */
export interface Keyring {
  /** What the data keys are wrapped under. */
  wrapping: DataKey
  /** In the header's order; the last one is what new values are sealed under. */
  keys: readonly DataKey[]
  legacy: Buffer | undefined
  store: Buffer | undefined
}

/** The key that new values are sealed under. */
export function currentKey({ keys }: Pick<Keyring, 'keys'>): DataKey {
  const last = keys.at(-1)
  if (last === undefined) throw new Error('a keyring has a key')
  return last
}

/** A new header with one data key, and the key that opens it, which takes long to derive. */
export async function createHeader(
  unlock: Unlock,
  parts: { legacy: boolean; store: boolean },
): Promise<{ text: string; wrapping: DataKey }> {
  const lock = unlock.kind === 'passphrase' ? newKdfParameters(unlock.cost) : { name: 'key file' as const }
  const wrapping = await wrappingKey(unlock, lock)
  const text = writeHeader(lock, {
    wrapping,
    keys: [newDataKey()],
    legacy: parts.legacy && unlock.kind === 'passphrase' ? legacyKey(unlock.passphrase) : undefined,
    store: parts.store ? newStoreKey() : undefined,
  })
  return { text, wrapping }
}

/** A key for a store that encrypts under one of its client's. */
export function newStoreKey(): Buffer {
  return randomBytes(KEY_BYTES)
}

/** @throws Fault `config`: the wrong passphrase, or no header that this fob knows */
export async function openHeader(text: string, unlock: Unlock, where: string): Promise<Keyring> {
  const header = parseHeader(text, where)
  const given = unlock.kind === 'passphrase' ? 'scrypt' : 'key file'
  if (header.lock.name !== given) {
    const [is, flag] =
      header.lock.name === 'scrypt' ? ['a passphrase', 'passphrase'] : ['a key file', '--secrets-key-file']
    throw new Fault('config', `${where} is locked with ${is}, not with a ${unlock.kind}`, {
      hint: `give its ${flag}, or change the lock with "fob server rotate-passphrase"`,
    })
  }
  const wrapping = await wrappingKey(unlock, header.lock)
  const ring = unwrapWith(wrapping, header, where)
  if (ring === undefined) {
    throw new Fault('config', `wrong ${unlock.kind}: it does not open the secrets in ${where}`, {
      hint: 'give the one that they were stored under; nothing was changed',
    })
  }
  return ring
}

/** What `text` opens to under a wrapping key that is at hand; undefined when it has another one by now. */
export function reopenHeader(text: string, wrapping: DataKey, where: string): Keyring | undefined {
  return unwrapWith(wrapping, parseHeader(text, where), where)
}

/** The IDs of a header's keys, which need no passphrase. */
export function keyIdsOf(text: string, where: string): string[] {
  return parseHeader(text, where).keys.map(({ id }) => id)
}

/** The same lock around other keys. */
export function rewriteHeader(before: string, ring: Keyring, where: string): string {
  return writeHeader(parseHeader(before, where).lock, ring)
}

/** The same keys under another passphrase or key file: one derivation, and no secret is touched. */
export async function relock(ring: Keyring, unlock: Unlock): Promise<string> {
  const lock = unlock.kind === 'passphrase' ? newKdfParameters(unlock.cost) : { name: 'key file' as const }
  return writeHeader(lock, { ...ring, wrapping: await wrappingKey(unlock, lock) })
}

async function wrappingKey(unlock: Unlock, lock: Header['lock']): Promise<DataKey> {
  if (unlock.kind === 'key file') return { id: WRAPPING_ID, key: unlock.key.bytes() }
  if (lock.name !== 'scrypt') throw new Error('a passphrase needs a derivation')
  return { id: WRAPPING_ID, key: await deriveKey(unlock.passphrase, lock) }
}

function unwrapWith(wrapping: DataKey, header: Header, where: string): Keyring | undefined {
  const canary = open(wrapping, Buffer.from(header.canary, 'base64'), placeOf('canary'))
  if (canary?.equals(CANARY) !== true) return undefined
  const unwrap = (text: string, name: string): Buffer => {
    const key = open(wrapping, Buffer.from(text, 'base64'), placeOf(name))
    if (key?.length === KEY_BYTES) return key
    throw new Fault('config', `the header of ${where} is damaged: a key in it does not open`, {
      hint: 'restore it from a backup; nothing was changed',
    })
  }
  const maybe = (text: string | undefined, name: string) =>
    text === undefined ? undefined : unwrap(text, name)
  return {
    wrapping,
    keys: header.keys.map(({ id, wrapped }) => ({ id, key: unwrap(wrapped, `data key ${id}`) })),
    legacy: maybe(header.legacy, 'legacy key'),
    store: maybe(header.store, 'store key'),
  }
}

function writeHeader(lock: Header['lock'], { wrapping, keys, legacy, store }: Keyring): string {
  const wrap = (key: Buffer, name: string) => seal(wrapping, key, placeOf(name)).toString('base64')
  const header: Header = {
    version: 1,
    lock,
    canary: wrap(CANARY, 'canary'),
    keys: keys.map(({ id, key }) => ({ id, wrapped: wrap(key, `data key ${id}`) })),
    ...(legacy === undefined ? {} : { legacy: wrap(legacy, 'legacy key') }),
    ...(store === undefined ? {} : { store: wrap(store, 'store key') }),
  }
  return JSON.stringify(header)
}

function placeOf(name: string): Buffer {
  return associatedData('fob', 'vault', name)
}

function parseHeader(text: string, where: string): Header {
  const parsed = v.safeParse(headerSchema, parseJson(text))
  if (parsed.success) return parsed.output
  throw new Fault('config', `the vault in ${where} is of a form that this fob does not know`, {
    hint: 'run the fob that wrote it, or restore it from a backup',
  })
}
