/** Files that only their owner may read: mode 0600, in a folder of 0700; on Windows, in the user's profile. */
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { isMissing } from './describe-file-errors.ts'

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

/** Which file stands at `path`, and since when: the same as before where nobody has replaced or changed it. */
export function fileState(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false })
  return stat === undefined ? '' : `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`
}

/**
 * The shell command that makes a file readable for the user of this process only.
 * @returns undefined where nobody else can read the file, and on Windows
 */
export function narrowingOf(path: string): string | undefined {
  const own = process.getuid?.()
  const stat = own === undefined ? undefined : statSync(path, { throwIfNoEntry: false })
  if (own === undefined || stat?.isFile() !== true) return undefined
  const isOurs = stat.uid === own
  // A file of another owner is readable for us through its group: this is how root gives a secret to a service.
  if ((stat.mode & (isOurs ? 0o044 : 0o004)) === 0) return undefined
  return isOurs ? `chmod 600 ${path}` : `chown ${own} ${path} && chmod 600 ${path}`
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

/**
 * Replaces a private file by `text`: temporary file in the same folder, fsync, rename, fsync of the folder. A reader
 * sees the old text or the new one, never a part. A missing folder is created with mode 0700.
 * @param options.ownFolder whether the folder is fob's own: then a wider mode is repaired. The folder of a file that
 *   the user named with `--auth-config` stays as it is.
 * @param options.room what `reserveRoom` returned: the text is written there, where a full disk does not matter
 * @throws the system's error; the old file is then unchanged and no temporary file is left
 */
export function writePrivateFile(
  path: string,
  text: string,
  options: { ownFolder: boolean; room?: string | undefined },
): void {
  const target = linkTarget(path)
  const folder = dirname(target)
  ensurePrivateFolder(dirname(path), options)
  const random = Buffer.from(crypto.getRandomValues(new Uint8Array(6))).toString('hex')
  const temporary = join(folder, `.${basename(target)}.${random}.tmp`)
  const bytes = Buffer.from(text)
  const fd = openTemporary(temporary, options.room)
  try {
    try {
      writeAll(fd, bytes)
      // Of reserved room, what is not needed.
      ftruncateSync(fd, bytes.length)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(temporary, target)
  } catch (error) {
    removeQuietly(temporary)
    throw error
  }
  syncFolder(folder)
}

/**
 * Reserves room on the disk for the next `writePrivateFile` of `path`, and has it written there: on a disk that is full
 * afterwards the file can be replaced all the same. Whoever reserves room of this name is alone in doing so.
 * @returns the path of the reserved room
 * @throws the system's error, `ENOSPC` where there is no room; nothing is left then
 */
export function reserveRoom(path: string, name: string, bytes: number): string {
  const target = linkTarget(path)
  const room = join(dirname(target), `.${basename(target)}.${name}.room`)
  removeQuietly(room)
  const { O_CREAT, O_EXCL, O_WRONLY } = constants
  const fd = openSync(room, O_CREAT | O_EXCL | O_WRONLY, 0o600)
  try {
    // Not zeros alone: a file system may store those without any room.
    writeAll(fd, Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))))
    fsyncSync(fd)
  } catch (error) {
    removeQuietly(room)
    throw error
  } finally {
    closeSync(fd)
  }
  return room
}

/** Gives reserved room back; a missing one was used. */
export function releaseRoom(room: string): void {
  removeQuietly(room)
}

/** A temporary file of `writePrivateFile`, and the file `of` that it was written for. */
export interface TemporaryFile {
  path: string
  of: string
}

/**
 * Lists the temporary files of `writePrivateFile` for `path`; with `wholeFolder` those of every file in its folder.
 * Each belongs to a writer that is alive or was killed: under the lock that all writers of that file take, it can only
 * be one that was killed.
 */
export function temporaryFilesOf(path: string, { wholeFolder } = { wholeFolder: false }): TemporaryFile[] {
  try {
    const target = linkTarget(path)
    const [folder, name] = [dirname(target), basename(target)]
    return readdirSync(folder).flatMap((entry) => {
      const of = entry.endsWith('.tmp') ? /^\.(.+)\.[0-9a-f]{12}\.tmp$/.exec(entry)?.[1] : undefined
      if (of === undefined || (of !== name && !wholeFolder)) return []
      return [{ path: join(folder, entry), of: of === name ? path : join(folder, of) }]
    })
  } catch {
    // No folder, or one that cannot be listed: we left nothing there.
    return []
  }
}

/** Deletes the files that `temporaryFilesOf` listed; a missing one is not an error. */
export function removeTemporaryFiles(files: readonly TemporaryFile[]): void {
  for (const { path } of files) removeQuietly(path)
}

/** Creates `folder` and its parents with mode 0700; repairs a wider mode only where the folder is fob's own. */
export function ensurePrivateFolder(folder: string, { ownFolder }: { ownFolder: boolean }): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (ownFolder && (statSync(folder).mode & OTHERS) !== 0) chmodSync(folder, 0o700)
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

/** Whether `path` is a pipe, named or not. */
export function isPipe(path: string): boolean {
  try {
    return statSync(path).isFIFO()
  } catch {
    return false
  }
}

/**
 * The file that a write to `path` replaces. A symbolic link of this user (dotfiles in another folder) is followed, so
 * that it stays a link; a link of another user, for instance in `/tmp`, is refused.
 */
function linkTarget(path: string): string {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat === undefined || !stat.isSymbolicLink()) return path
  if (process.geteuid !== undefined && stat.uid !== process.geteuid()) {
    throw fileError('ELOOP', 'it is a symbolic link of another user')
  }
  return realpathSync(path)
}

/** An empty file, or the reserved room in its place: then its blocks are there already. */
function openTemporary(temporary: string, room: string | undefined): number {
  const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants
  if (room !== undefined) {
    try {
      renameSync(room, temporary)
      return openSync(temporary, O_WRONLY | (O_NOFOLLOW ?? 0))
    } catch (error) {
      if (!isMissing(error)) throw error
    }
  }
  return openSync(temporary, O_CREAT | O_EXCL | O_WRONLY, 0o600)
}

function narrow(fd: number): void {
  try {
    fchmodSync(fd, 0o600)
  } catch {
    // A file of another user, or a file system without modes: it can still be read.
  }
}

function writeAll(fd: number, bytes: Buffer): void {
  let written = 0
  while (written < bytes.length) written += writeSync(fd, bytes, written)
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // It was renamed, or never existed.
  }
}

/** Makes the rename survive a power cut. Windows cannot open a folder, and does not need this. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return
  const fd = openSync(folder, constants.O_RDONLY)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function fileError(code: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code })
}
