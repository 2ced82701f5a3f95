import { dirname } from 'node:path'
import { Fault } from '../contract/fault.ts'
import type { Clock } from '../platform/clock.ts'
import { lockFile } from '../platform/filelock.ts'
import { ensurePrivateFolder, readPrivateFile, writePrivateFile } from '../platform/files.ts'
import { type Document, formatDocument, parseDocument } from './entry.ts'

export interface CredentialsFile {
  path: string
  read(): Document
  /**
   * Reads, changes and writes the file under a lock that all processes share. `change` alters the document
   * and may be slow (the keychain); what it throws leaves the file as it was.
   */
  update<T>(change: (document: Document) => Promise<T>): Promise<T>
}

const LOCK_TIMEOUT_MS = 15_000

/** @param ownFolder the file lies in fob's own home, whose mode is ours to keep at 0700. */
export function credentialsFile(
  path: string,
  { clock, ownFolder, signal }: { clock: Clock; ownFolder: boolean; signal?: AbortSignal },
): CredentialsFile {
  const read = () =>
    parseDocument(
      wrap(path, () => readPrivateFile(path) ?? ''),
      path,
    )
  return {
    path,
    read,
    update: async (change) => {
      const lockPath = `${path}.lock`
      wrap(path, () => ensurePrivateFolder(dirname(path), { ownFolder }))
      const release = await lockFile(lockPath, {
        clock,
        timeoutMs: LOCK_TIMEOUT_MS,
        ...(signal === undefined ? {} : { signal }),
      }).catch((error: unknown) => {
        throw signal?.aborted === true ? signal.reason : unusable(path, error)
      })
      if (release === undefined) {
        throw new Fault('failed', `another fob process has held the lock on ${path} for too long`, {
          hint: 'wait for it, or end it, and run this again',
        })
      }
      try {
        const document = read()
        const before = formatDocument(document)
        const result = await change(document)
        const after = formatDocument(document)
        if (after !== before) wrap(path, () => writePrivateFile(path, after, { ownFolder }))
        return result
      } finally {
        release()
      }
    },
  }
}

function wrap<T>(path: string, use: () => T): T {
  try {
    return use()
  } catch (error) {
    throw unusable(path, error)
  }
}

const CAUSES: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is not a regular file',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  ENOTDIR: 'a part of its path is no folder',
  EEXIST: 'a part of its path is no folder',
  EFBIG: 'it is too large',
  ELOOP: 'a symbolic link stands in its place',
}

function unusable(path: string, error: unknown): unknown {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  if (code === undefined) return error
  return new Fault('config', `cannot use the credentials file ${path}: ${CAUSES[code] ?? code}`, {
    hint: 'name another file with --auth-config or FOB_AUTH_CONFIG',
  })
}
