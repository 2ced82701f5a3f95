/** Rewriting a file of fob's home under a lock that all processes share. */
import { dirname } from 'node:path'
import { Fault } from '../contract/fault.ts'
import type { Clock } from '../platform/clock.ts'
import { lockFile } from '../platform/files/file-lock.ts'
import {
  ensurePrivateFolder,
  removeTemporaryFiles,
  temporaryFilesOf,
  writePrivateFile,
} from '../platform/files/write-private-files.ts'
import { lockPathOf } from '../platform/files/remove-leftover-temporary-files.ts'
import { unusable } from './config-file.ts'

const LOCK_TIMEOUT_MS = 15_000

/**
 * Replaces a file by the result of `change`, and removes the temporary files of writers that were killed.
 * @throws Fault `config` for an error of the system, `failed` when the lock is not available; the signal's reason.
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
