/** Writes files that only their owner may read: mode 0600, in a folder of 0700; on Windows, in the user's profile. */
import {
  chmodSync,
  closeSync,
  constants,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileError, isMissing } from './describe-file-errors.ts'

const OTHERS = 0o077

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
