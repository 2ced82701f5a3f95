/** Wrapping the data keys under another passphrase or key file. */
import { Fault } from '../../contract/fault.ts'
import type { Backend, Unlock } from './backend-interface.ts'
import { openHeader, relock } from './vault-header.ts'

/** Attempts at a header that a server is changing meanwhile. */
const MAX_TRIES = 5

/**
 * Wraps the keys of a vault under another passphrase or key file.
 * @throws Fault `config` when `now` does not open it; `not_found` when there is none
 */
export async function rotateLock(backend: Backend, now: Unlock, next: Unlock): Promise<void> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const header = await backend.readHeader()
    if (header === undefined) {
      throw new Fault('not_found', `there are no secrets in ${backend.name} yet`, {
        hint: 'start the server with the passphrase that you want',
      })
    }
    const ring = await openHeader(header.text, now, backend.name)
    if (await backend.writeHeader(await relock(ring, next), header.revision)) return
  }
  throw new Fault('conflict', `the header of ${backend.name} keeps changing`, {
    hint: 'try again in a moment',
  })
}
