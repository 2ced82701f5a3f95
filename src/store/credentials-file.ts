/** The credentials file: read, locked across processes, and replaced whole. */
import { basename, dirname, join } from 'node:path'
import { Fault } from '../contract/fault.ts'
import type { Clock } from '../platform/clock.ts'
import { codeOf, codeWords } from '../platform/files/describe-file-errors.ts'
import type { LockOptions, Release } from '../platform/files/file-lock.ts'
import { fileState, readPrivateFile } from '../platform/files/read-private-files.ts'
import {
  ensurePrivateFolder,
  releaseRoom,
  removeTemporaryFiles,
  reserveRoom,
  temporaryFilesOf,
  writePrivateFile,
} from '../platform/files/write-private-files.ts'
import { lockPathOf, removeLeftovers } from '../platform/files/remove-leftover-temporary-files.ts'
import type { Room } from './store-interface.ts'
import { type Document, formatDocument, parseDocument } from './credentials-document.ts'

export type Afterwards = (work: () => Promise<unknown>) => void

export interface CredentialsFile {
  path: string
  /** As it stands; not to be altered. */
  read(): Promise<Document>
  /**
   * Reads, changes and writes the file under a lock that all processes share. `change` alters the document
   * and may be slow (the keychain); when it throws, the file stays as it was. Work given to `afterwards` is done
   * under the same lock once the file is written. `interruptible: false` is for changes that must not be lost by
   * Ctrl-C.
   * @throws Fault `config` for a damaged or unusable file; `failed` when the lock is not available.
   */
  update<T>(
    change: (document: Document, afterwards: Afterwards) => Promise<T>,
    options?: UpdateOptions,
  ): Promise<T>
  /**
   * Reserves room on the disk for a larger file, under a lock of the same name.
   * @throws Fault `config` where there is none
   */
  reserve(name: string): Room
  /** Another lock beside the file, by name; undefined as `lockFile` says. */
  lock(name: string, options: Omit<LockOptions, 'clock' | 'signal'>): Promise<Release | undefined>
}

interface UpdateOptions {
  interruptible: boolean
  /** Reserved before: the file is written there. */
  room?: Room | undefined
}

/** More than a credential takes, with its refresh token and its index entry. */
const ROOM_FOR_CREDENTIAL = 64 * 1024

const LOCK_TIMEOUT_MS = 15_000

export interface FileOptions {
  clock: Clock
  /** The file is in fob's own home, whose mode is held at 0700. */
  ownFolder: boolean
  signal?: AbortSignal
}

export function credentialsFile(path: string, options: FileOptions): CredentialsFile {
  const { ownFolder, signal } = options
  const text = () => wrap(path, () => readPrivateFile(path) ?? '')
  /** The last content that was read: a command asks several times, and mostly nothing has changed. */
  let last: { state: string; document: Document } | undefined
  const take = async (lockPath: string, how: Omit<LockOptions, 'clock'>) => {
    wrap(path, () => ensurePrivateFolder(dirname(path), { ownFolder }))
    const { lockFile } = await import('../platform/files/file-lock.ts')
    return lockFile(lockPath, { clock: options.clock, ...how }).catch((error: unknown) => {
      throw how.signal?.aborted === true ? how.signal.reason : unusable(path, error)
    })
  }
  const untilSignal = signal === undefined ? {} : { signal }
  const takeMain = (timeoutMs: number, interruptible: boolean) =>
    take(lockPathOf(path), { timeoutMs, ...(interruptible ? untilSignal : {}) })
  let tidied: Promise<void> | undefined
  return {
    path,
    read: async () => {
      await (tidied ??= removeLeftovers(path, { clock: options.clock, wholeFolder: ownFolder }))
      // Every writer replaces the file, so another state is another content; looked up before it is read.
      const state = wrap(path, () => fileState(path))
      if (last?.state !== state) last = { state, document: parseDocument(text(), path) }
      return last.document
    },
    update: async (change, { interruptible, room } = { interruptible: true }) => {
      const release = await takeMain(LOCK_TIMEOUT_MS, interruptible)
      if (release === undefined) {
        throw new Fault('failed', `another fob process has held the lock on ${path} for too long`, {
          hint: 'wait for it, or stop it, and run this again',
        })
      }
      try {
        removeTemporaryFiles(temporaryFilesOf(path))
        const document = parseDocument(text(), path)
        const before = formatDocument(document)
        const later: (() => Promise<unknown>)[] = []
        const result = await change(document, (work) => later.push(work))
        const after = formatDocument(document)
        if (after !== before) wrap(path, () => writePrivateFile(path, after, { ownFolder, room: room?.path }))
        for (const work of later) await work()
        return result
      } finally {
        release()
      }
    },
    reserve: (name) => {
      const room = wrap(path, () => {
        ensurePrivateFolder(dirname(path), { ownFolder })
        return reserveRoom(path, name, text().length + ROOM_FOR_CREDENTIAL)
      })
      return { path: room, release: () => releaseRoom(room) }
    },
    lock: (name, how) =>
      take(join(dirname(path), `.${basename(path)}.${name}.lock`), { ...untilSignal, ...how }),
  }
}

function wrap<T>(path: string, use: () => T): T {
  try {
    return use()
  } catch (error) {
    throw unusable(path, error)
  }
}

/** The credentials file is never reached through a symbolic link. */
const OWN_WORDS = {
  EEXIST: 'a part of its path is not a folder',
  ELOOP: 'a symbolic link stands in its place',
}

function unusable(path: string, error: unknown): unknown {
  const code = codeOf(error)
  if (code === undefined) return error
  return new Fault('config', `cannot use the credentials file ${path}: ${codeWords(code, OWN_WORDS)}`, {
    hint: 'name another file with --auth-config or FOB_AUTH_CONFIG',
  })
}
