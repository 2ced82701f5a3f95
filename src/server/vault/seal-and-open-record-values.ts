/** Sealing and opening the values of records. */
import { Fault } from '../../contract/fault.ts'
import { associatedData, keyIdOf, leavePlain, open, openLegacy, readPlain, seal } from './cipher.ts'
import { currentKey, type Keyring } from './vault-header.ts'
import type { Keys } from './data-keys.ts'
import type { SecretPlace } from './vault-interface.ts'

/** How values become what is stored. */
export interface Codec {
  /** @param write stores it; called again when the key to seal under changed in between */
  seal(place: SecretPlace, value: Buffer, write: (sealed: Buffer) => Promise<void>): Promise<void>
  open(place: SecretPlace, stored: Buffer): Promise<Buffer | undefined>
}

/** Values go to a store that encrypts them by itself. */
export const plain: Codec = {
  seal: (_place, value, write) => write(leavePlain(value)),
  open: async (_place, stored) => readPlain(stored),
}

/** How often a write is started again because the key changed under it: once for each re-encryption that starts. */
const MAX_WRITES = 5

/** Values are sealed under the current data key. */
export function sealing(keys: Keys): Codec {
  return {
    async seal(place, value, write) {
      for (let tries = 0; tries < MAX_WRITES; tries++) {
        const ring = await keys.refresh()
        const key = currentKey(ring)
        await write(seal(key, value, boundTo(place)))
        // Had the move to another key already passed this place, it would not come back for it.
        if (currentKey(await keys.refresh()).id === key.id) return
      }
      throw new Fault('conflict', 'the key of the vault keeps changing', { hint: 'try again in a moment' })
    },

    open: (place, stored) => openSealed(keys, place, stored),
  }
}

/** The value, under whichever key it was sealed; undefined when it does not open. */
export async function openSealed(
  keys: Keys,
  place: SecretPlace,
  stored: Buffer,
): Promise<Buffer | undefined> {
  const id = keyIdOf(stored)
  const find = (ring: Keyring) => ring.keys.find((key) => key.id === id)
  const known = keys.at()
  // Another server may have moved everything to a key that this one has not seen.
  const key = find(known) ?? (id === undefined ? undefined : find(await keys.refresh()))
  if (key !== undefined) return open(key, stored, boundTo(place))
  const { legacy } = keys.at()
  return legacy === undefined ? undefined : openLegacy(legacy, stored)
}

/** The associated data of a secret. */
export function boundTo({ tenantId, scope, key }: SecretPlace): Buffer {
  return associatedData('fob', 'secret', tenantId, scope, key)
}
