import type { Clock } from '../clock.ts'
import { removeTemporaryFiles, temporaryFilesOf } from './private-files.ts'

/** The lock that every writer of a private file takes. */
export function lockPathOf(path: string): string {
  return `${path}.lock`
}

/**
 * Deletes what killed writers of `path` left; with `wholeFolder` also those of the files beside it, in a
 * folder that is ours. All writers of a file hold its lock, so a temporary file that is there while we have it
 * is nobody's; while somebody else has it, there is a living writer, and a later command will do. Costs one
 * look into the folder where there is nothing to delete. Never throws: a file that may only be read is read
 * all the same.
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
    // Looked for again: before, a writer may have been at work.
    removeTemporaryFiles(temporaryFilesOf(of))
    release()
  }
}
