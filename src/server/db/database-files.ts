/** The files of a database: where they are, their modes, and why one cannot be used. */
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { Fault } from '../../contract/fault.ts'

/** What the system and SQLite say, in words. */
const CAUSES: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOENT: 'it cannot be created there',
  ENOTDIR: 'a part of its path is not a folder',
  EEXIST: 'a file stands in its place',
  EISDIR: 'it is not a regular file',
  ELOOP: 'its path is a circle of symbolic links',
  ENAMETOOLONG: 'its path is too long',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  SQLITE_CANTOPEN: 'it is not a regular file, or permission is denied',
  SQLITE_READONLY: 'it cannot be written to',
  SQLITE_FULL: 'the disk is full',
  SQLITE_IOERR: 'its disk is full, or fails',
  SQLITE_BUSY: 'another program is using it',
  SQLITE_LOCKED: 'another program is using it',
  SQLITE_NOTADB: 'it is not a database',
}

/** The database of a data folder. */
export function databasePath(dataDir: string): string {
  return join(resolve(dataDir), 'fob.db')
}

/**
 * Makes an empty file for its owner alone (0600), with its folder (0700), before SQLite would make one with
 * the umask: at no moment can anybody else open it. A file that is there is left alone.
 * @returns whether it was not there
 * @throws Fault `config` with the path and the cause
 */
export function prepareFile(path: string): boolean {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  } catch (error) {
    throw unusable(dirname(path), error)
  }
  try {
    // O_CREAT | O_EXCL: what stands there already, a symbolic link included, is not followed.
    closeSync(openSync(path, 'wx', 0o600))
    return true
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw unusable(path, error)
    return false
  }
}

/** The fault for a file or a folder that the system, or SQLite, does not let us use. */
export function unusable(path: string, error: unknown): Fault {
  const code = codeOf(error)
  return new Fault('config', `cannot use ${path}: ${CAUSES[code] ?? (code || 'the system refuses it')}`, {
    hint: 'give another folder with --data',
    cause: error,
  })
}

/** `EACCES`, `SQLITE_READONLY` (of SQLite's extended codes, the first two words); empty for what has none. */
export function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (typeof code !== 'string') return ''
  return code.startsWith('SQLITE_') ? code.split('_').slice(0, 2).join('_') : code
}
