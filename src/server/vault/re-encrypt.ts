/** Moving all values to a new data key. */
import { Fault } from '../../contract/fault.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Backend } from './backend-interface.ts'
import { keyIdOf, newDataKey, seal } from './cipher.ts'
import { currentKey } from './vault-header.ts'
import type { Keys } from './data-keys.ts'
import { boundTo, openSealed } from './seal-and-open-record-values.ts'
import type { ReEncryptProgress, SecretPlace } from './vault-interface.ts'

/** How long one call works. */
const SLICE_MS = 1000
/** Values that are moved at once. */
const AT_ONCE = 8
/** Attempts at one value that is being set meanwhile. */
const MAX_TRIES = 8

interface Pass {
  keyId: string
  todo: SecretPlace[]
  total: number
  failed: SecretPlace[]
}

/**
 * Moves all values to a new data key, a slice at a time. A moved value carries the ID of the new key, and the header
 * has more than one key until the move is finished. So the move can be interrupted anywhere, and the next call
 * continues it.
 */
export function createReEncrypt(deps: { backend: Backend; keys: Keys; clock: Clock }) {
  const { backend, keys, clock } = deps
  let pass: Pass | undefined
  let busy = false

  async function startPass(): Promise<Pass> {
    const ring = await keys.update((before) =>
      before.keys.length > 1 ? undefined : { ...before, keys: [...before.keys, newDataKey()] },
    )
    // After the header: what is set from now on is under the new key, what was set before is in this list.
    const todo = await backend.places()
    return { keyId: currentKey(ring).id, todo, total: todo.length, failed: [] }
  }

  async function slice(): Promise<ReEncryptProgress> {
    const until = clock.now() + SLICE_MS
    pass ??= await startPass()
    // Another server finished this move and started the next one: this list is out of date.
    if (currentKey(await keys.refresh()).id !== pass.keyId) pass = await startPass()
    const { keyId, todo, total, failed } = pass
    while (todo.length > 0 && clock.now() < until) {
      const some = todo.slice(0, AT_ONCE)
      const moved = await Promise.all(some.map((place) => move(place)))
      // Only now: a slice that fails half-way looks at these again.
      todo.splice(0, some.length)
      failed.push(...some.filter((_, i) => moved[i] === false))
    }
    const finished = todo.length === 0
    if (finished) {
      pass = undefined
      if (failed.length === 0) await dropOldKeys(keyId)
    }
    return { keyId, total, done: total - todo.length - failed.length, failed, finished }
  }

  /** False for a value that does not open under any key. */
  async function move(place: SecretPlace): Promise<boolean> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const stored = await backend.read(place)
      const key = currentKey(keys.at())
      if (stored === undefined || keyIdOf(stored.record.sealed) === key.id) return true
      const value = await openSealed(keys, place, stored.record.sealed)
      if (value === undefined) return false
      const sealed = seal(key, value, boundTo(place))
      if (await backend.write(place, { ...stored.record, sealed }, stored.revision)) return true
    }
    throw new Fault('conflict', `the secret ${place.key} keeps changing`, { hint: 'try again in a moment' })
  }

  async function dropOldKeys(keyId: string): Promise<void> {
    await keys.update((ring) => {
      const current = currentKey(ring)
      if (current.id !== keyId || (ring.keys.length === 1 && ring.legacy === undefined)) return undefined
      return { ...ring, keys: [current], legacy: undefined }
    })
  }

  return async (): Promise<ReEncryptProgress> => {
    if (busy) throw new Fault('conflict', 'somebody else is moving the secrets to a new key')
    busy = true
    try {
      return await slice()
    } finally {
      busy = false
    }
  }
}
