import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
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
import { isMissing } from './file-errors.ts'

/**
 * Files that only their owner may read (0600, in a folder of 0700), and the one way to write them:
 * temporary file in the same folder, fsync, rename, fsync of the folder. A reader sees the old text or the
 * new one, never a part. On Windows modes mean nothing and the profile folder's access list does the work.
 */

/** A private file is never larger; what is, is not ours. */
const MAX_BYTES = 16 * 1024 * 1024
const OTHERS = 0o077

/**
 * The text of a private file, or undefined where there is none. A mode that lets others read is narrowed.
 * @throws the system's error (`code` EACCES, EISDIR …) when it is there and cannot be read.
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
 * The command that would keep a file to the user of this process; undefined where nobody else can read it, and on
 * Windows.
 */
export function narrowingOf(path: string): string | undefined {
  const own = process.getuid?.()
  const stat = own === undefined ? undefined : statSync(path, { throwIfNoEntry: false })
  if (own === undefined || stat?.isFile() !== true) return undefined
  const isOurs = stat.uid === own
  // One of another owner lets us in by its group: so root hands a secret to a service.
  if ((stat.mode & (isOurs ? 0o044 : 0o004)) === 0) return undefined
  return isOurs ? `chmod 600 ${path}` : `chown ${own} ${path} && chmod 600 ${path}`
}

/**
 * The text of a small file that is not ours, or undefined where there is none, or what stands there is no
 * regular file, is larger, or may not be read. Its mode is left alone.
 */
export function readSmallFile(path: string, maxBytes: number): string | undefined {
  let fd: number | undefined
  try {
    // Mostly there is none, and an error that is thrown takes longer than all the rest.
    if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined
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
 * Replaces a private file by `text`. A missing folder is made with mode 0700; `ownFolder` says that the
 * folder is fob's own, so that a wider mode of an existing one is repaired (the folder of a file that the
 * user named with `--auth-config` is theirs and stays as it is).
 * @throws the system's error; the old file is then untouched and no temporary file is left.
 */
export function writePrivateFile(path: string, text: string, options: { ownFolder: boolean }): void {
  const target = linkTarget(path)
  const folder = dirname(target)
  ensurePrivateFolder(dirname(path), options)
  const random = Buffer.from(crypto.getRandomValues(new Uint8Array(6))).toString('hex')
  const temporary = join(folder, `.${basename(target)}.${random}.tmp`)
  const { O_CREAT, O_EXCL, O_WRONLY } = constants
  const fd = openSync(temporary, O_CREAT | O_EXCL | O_WRONLY, 0o600)
  try {
    try {
      writeAll(fd, Buffer.from(text))
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

/** A temporary file of `writePrivateFile`, and the file that it was to become. */
export interface TemporaryFile {
  path: string
  of: string
}

/**
 * The temporary files of `writePrivateFile` for `path` that are there now; with `wholeFolder` those for any
 * file beside it. Each belongs to a writer that is at work or was killed: whoever holds the lock that all
 * writers of that file take knows that it was killed.
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
    // No folder, or one that may not be listed: nothing that we could have left there.
    return []
  }
}

/** Deletes what `temporaryFilesOf` found; one that is gone already is no error. */
export function removeTemporaryFiles(files: readonly TemporaryFile[]): void {
  for (const { path } of files) removeQuietly(path)
}

/** Makes `folder` and its parents with mode 0700; repairs a wider mode only where the folder is fob's own. */
export function ensurePrivateFolder(folder: string, { ownFolder }: { ownFolder: boolean }): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (ownFolder && (statSync(folder).mode & OTHERS) !== 0) chmodSync(folder, 0o700)
}

function openForReading(path: string): number | undefined {
  try {
    // Without O_NONBLOCK a pipe put in the file's place would hold us for good.
    return openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

/** Whether a pipe is there, named or not: it has no size, and often no name to go by. */
export function isPipe(path: string): boolean {
  try {
    return statSync(path).isFIFO()
  } catch {
    return false
  }
}

/**
 * Where a write to `path` must land. A symbolic link that this user made (dotfiles kept elsewhere) is
 * followed, so that it stays a link; one that somebody else planted, in `/tmp` say, is refused.
 */
function linkTarget(path: string): string {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat === undefined || !stat.isSymbolicLink()) return path
  if (process.geteuid !== undefined && stat.uid !== process.geteuid()) {
    throw fileError('ELOOP', 'a symbolic link of another user stands in its place')
  }
  return realpathSync(path)
}

function narrow(fd: number): void {
  try {
    fchmodSync(fd, 0o600)
  } catch {
    // Somebody else's file (or a file system without modes): reading it is still what was asked for.
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
    // It was renamed, or was never there.
  }
}

/** The rename itself must survive a power cut. Windows cannot open a folder and does not need it. */
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
