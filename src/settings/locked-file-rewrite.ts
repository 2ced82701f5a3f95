import { dirname } from 'node:path'
import { Fault } from '../contract/fault.ts'
import type { Clock } from '../platform/clock.ts'
import { lockFile } from '../platform/files/file-lock.ts'
import {
  ensurePrivateFolder,
  removeTemporaryFiles,
  temporaryFilesOf,
  writePrivateFile,
} from '../platform/files/private-files.ts'
import { lockPathOf } from '../platform/files/leftover-temporary-files.ts'
import { unusable } from './config-file.ts'

const LOCK_TIMEOUT_MS = 15_000

/**
 * Replaces a file of the home by what `change` makes of it, one process at a time; what killed writers left
 * goes with it.
 * @throws Fault `config` when the system does not let us, `failed` when the lock is not to be had.
 */
export async function replaceLocked(
  path: string,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
  change: () => Promise<string>,
): Promise<void> {
  try {
    ensurePrivateFolder(dirname(path), { ownFolder: true })
    const release = await lockFile(lockPathOf(path), { clock, signal, timeoutMs: LOCK_TIMEOUT_MS })
    if (release === undefined) {
      throw new Fault('failed', `another fob process has held the lock on ${path} for too long`)
    }
    try {
      removeTemporaryFiles(temporaryFilesOf(path))
      writePrivateFile(path, await change(), { ownFolder: true })
    } finally {
      release()
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw unusable(path, error)
  }
}
