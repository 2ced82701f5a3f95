/** A log file that only its owner may read, and that does not grow without end. */
import { appendFileSync, chmodSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { ensurePrivateFolder } from './write-private-files.ts'

/** Then it becomes `NAME.1`, in the place of the one before it. */
const MAX_BYTES = 1024 * 1024
/** Of one line: what a server says can be long. */
const MAX_LINE_CHARS = 16 * 1024

/**
 * Lines are appended whole, so several processes can write to one file. Never throws: a program does not stop because
 * its log cannot be written.
 * @param path in a folder of fob's own
 */
export function openBoundedLog(path: string, maxBytes = MAX_BYTES): (line: string) => void {
  let isReady = false
  return (line) => {
    try {
      if (!isReady) ensurePrivateFolder(dirname(path), { ownFolder: true })
      const { size, mode } = statSync(path, { throwIfNoEntry: false }) ?? { size: 0, mode: 0o600 }
      if (size > maxBytes) renameSync(path, `${path}.1`)
      else if (!isReady && (mode & 0o077) !== 0) chmodSync(path, 0o600)
      isReady = true
      appendFileSync(path, `${line.slice(0, MAX_LINE_CHARS).replace(/[\r\n]+/g, ' ')}\n`, { mode: 0o600 })
    } catch {
      // A full disk, or a folder that is not ours.
    }
  }
}
