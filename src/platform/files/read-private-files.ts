/** Reads files that only their owner should read, and says what stands at a path. */
import { closeSync, constants, fchmodSync, fstatSync, openSync, readFileSync, statSync } from 'node:fs'
import { fileError, isMissing } from './describe-file-errors.ts'

/** No private file of ours is larger. */
const MAX_BYTES = 16 * 1024 * 1024
const OTHERS = 0o077

/**
 * Reads a private file. A mode that lets others read it is narrowed to 0600.
 * @returns undefined where the file does not exist
 * @throws the system's error (`code` EACCES, EISDIR …) when the file exists and cannot be read
 */
export function readPrivateFile(path: string): string | undefined {
  const fd = openForReading(path)
  if (fd === undefined) return undefined
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) throw fileError('EISDIR', 'not a regular file')
    if (stat.size > MAX_BYTES) throw fileError('EFBIG', 'the file is too large')
    if ((stat.mode & OTHERS) !== 0) narrow(fd)
    return readFileSync(fd, 'utf8')
  } finally {
    closeSync(fd)
  }
}

/**
 * Reads a small file that is not a private file of ours; its mode is left as it is.
 * @returns undefined where it does not exist, is not a regular file, has more than `maxBytes`, or cannot be read
 */
export function readSmallFile(path: string, maxBytes: number): string | undefined {
  let fd: number | undefined
  try {
    fd = openForReading(path)
    if (fd === undefined) return undefined
    const stat = fstatSync(fd)
    return stat.isFile() && stat.size <= maxBytes ? readFileSync(fd, 'utf8') : undefined
  } catch {
    return undefined
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** Which file stands at `path`, and since when: the same as before where nobody has replaced or changed it. */
export function fileState(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false })
  return stat === undefined ? '' : `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`
}

/** Whether `path` is a pipe, named or not. */
export function isPipe(path: string): boolean {
  try {
    return statSync(path).isFIFO()
  } catch {
    return false
  }
}

function openForReading(path: string): number | undefined {
  // Often the file does not exist, and an error that is thrown takes longer than this.
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined
  try {
    // Without O_NONBLOCK, opening a pipe that was put in the file's place would wait forever.
    return openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

function narrow(fd: number): void {
  try {
    fchmodSync(fd, 0o600)
  } catch {
    // A file of another user, or a file system without modes: it can still be read.
  }
}
