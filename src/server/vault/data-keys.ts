/** The keys of an open vault, which another process may change in the header. */
import { Fault } from '../../contract/fault.ts'
import type { Backend, Revision, Unlock } from './backend-interface.ts'
import { keyIdOf, legacyKey, openLegacy, readPlain } from './cipher.ts'
import {
  createHeader,
  type Keyring,
  keyIdsOf,
  newStoreKey,
  openHeader,
  reopenHeader,
  rewriteHeader,
} from './vault-header.ts'

/** The keys of an open vault, which another process may change in the header at any time. */
export interface Keys {
  /** As they were last seen. */
  at(): Keyring
  /**
   * As the header has them now.
   * @throws Fault `conflict` when the passphrase was rotated and a key came after that: it takes a new start
   */
  refresh(): Promise<Keyring>
  /**
   * Changes the header; `change` may be called more than once, and leaves it alone by returning undefined.
   * @throws Fault `conflict` when the passphrase was rotated since the start
   */
  update(change: (ring: Keyring) => Keyring | undefined): Promise<Keyring>
}

/** Attempts at a header that others are changing too. */
const MAX_TRIES = 8

/**
 * Opens the header of `backend`; creates one where there is none.
 * @throws Fault `config` on a wrong passphrase; nothing has been written then
 */
export async function openKeys(backend: Backend, unlock: Unlock): Promise<Keys> {
  const { name, storeKey } = backend
  let seen = await open()

  async function open(): Promise<{ ring: Keyring; revision: Revision }> {
    const found = await backend.readHeader()
    if (found !== undefined) {
      return { ring: await openHeader(found.text, unlock, name), revision: found.revision }
    }
    const legacy = await holdsLegacy(backend, unlock)
    const { text, wrapping } = await createHeader(unlock, { legacy, store: storeKey?.wanted === true })
    await backend.writeHeader(text, undefined)
    // Read back in any case: where two servers start at once, both continue with the header that is stored.
    const made = await backend.readHeader()
    if (made === undefined) throw new Fault('config', `${name} does not store what is written to it`)
    const own = made.text === text ? reopenHeader(text, wrapping, name) : undefined
    return { ring: own ?? (await openHeader(made.text, unlock, name)), revision: made.revision }
  }

  async function read(): Promise<{ text: string; revision: Revision }> {
    const found = await backend.readHeader()
    if (found !== undefined) return found
    throw new Fault('failed', `the header of ${name} is gone`, { hint: 'restore it from a backup' })
  }

  async function refresh(): Promise<Keyring> {
    const { text, revision } = await read()
    if (revision === seen.revision) return seen.ring
    const ring = reopenHeader(text, seen.ring.wrapping, name)
    if (ring !== undefined) {
      seen = { ring, revision }
      return ring
    }
    // The passphrase was rotated while this server runs. The keys that it knows stay good.
    const keys = keyIdsOf(text, name).map((id) => seen.ring.keys.find((key) => key.id === id))
    if (!keys.every((key) => key !== undefined)) throw rotated()
    seen = { ring: { ...seen.ring, keys }, revision }
    return seen.ring
  }

  async function update(change: (ring: Keyring) => Keyring | undefined): Promise<Keyring> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const { text, revision } = await read()
      const ring = reopenHeader(text, seen.ring.wrapping, name)
      if (ring === undefined) throw rotated()
      const changed = change(ring)
      if (changed === undefined) return ring
      if (await backend.writeHeader(rewriteHeader(text, changed, name), revision)) return refresh()
    }
    throw new Fault('conflict', `the header of ${name} keeps changing`, { hint: 'try again in a moment' })
  }

  const keys: Keys = { at: () => seen.ring, refresh, update }
  if (storeKey !== undefined) {
    if (storeKey.wanted && seen.ring.store === undefined) {
      const store = newStoreKey()
      await update((ring) => (ring.store === undefined ? { ...ring, store } : undefined))
    }
    const { store } = await refresh()
    if (store !== undefined) storeKey.use(store)
  }
  return keys
}

/**
 * Where there are records and no header, they are of the old form, and opening one of them is all the canary
 * there is; or the store encrypted them by itself until now.
 */
async function holdsLegacy(backend: Backend, unlock: Unlock): Promise<boolean> {
  const key = unlock.kind === 'passphrase' ? legacyKey(unlock.passphrase) : undefined
  const unknown = new Set<'old' | 'ours'>()
  for (const place of await backend.places()) {
    const sealed = (await backend.read(place))?.record.sealed
    if (sealed === undefined) continue
    if (key !== undefined && openLegacy(key, sealed) !== undefined) return true
    // A nonce of the old form can have any first bytes: one record that looks like ours proves nothing yet.
    const isPlain = backend.mayHoldPlain === true && readPlain(sealed) !== undefined
    if (!isPlain) unknown.add(keyIdOf(sealed) === undefined ? 'old' : 'ours')
  }
  if (unknown.has('ours') && !unknown.has('old')) {
    throw new Fault('config', `there are secrets in ${backend.name}, and their header is gone`, {
      hint: 'restore it from a backup; nothing was changed',
    })
  }
  if (unknown.has('old')) {
    throw new Fault('config', `wrong ${unlock.kind}: it does not open the secrets in ${backend.name}`, {
      hint: 'give the passphrase that they were stored under; nothing was changed',
    })
  }
  return false
}

function rotated(): Fault {
  return new Fault('conflict', 'the passphrase was changed after this server was started', {
    hint: 'start it again with the new one',
  })
}
