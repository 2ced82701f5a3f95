/** Removing the temporary files of writers that were killed. */
import type { Clock } from '../clock.ts'
import { removeTemporaryFiles, temporaryFilesOf } from './write-private-files.ts'

/** The path of the lock that every writer of the private file `path` takes. */
export function lockPathOf(path: string): string {
  return `${path}.lock`
}

/**
 * Deletes what killed writers of `path` left; with `wholeFolder` also the leftovers of other files in its folder,
 * which must be fob's own. Every writer of a file holds its lock, so a temporary file that exists while we hold the
 * lock belongs to a dead writer. Where another process holds it, the files are left to a later command. Costs one
 * listing of the folder where there is nothing to delete. Never throws.
 */
export async function removeLeftovers(
  path: string,
  { clock, wholeFolder }: { clock: Clock; wholeFolder: boolean },
): Promise<void> {
  const found = temporaryFilesOf(path, { wholeFolder })
  if (found.length === 0) return
  const { lockFile } = await import('./file-lock.ts')
  for (const of of new Set(found.map((file) => file.of))) {
    const release = await lockFile(lockPathOf(of), { clock, timeoutMs: 0 }).catch(() => undefined)
    if (release === undefined) continue
    // Listed again under the lock: the first list may include files of a writer that was still alive.
    removeTemporaryFiles(temporaryFilesOf(of))
    release()
  }
}
