/** The lock that keeps a second server out of a data folder. */
import { Database } from 'bun:sqlite'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '../../contract/fault.ts'
import { codeOf, prepareFile, unusable } from './database-files.ts'

/**
 * Makes this process the only server of a data folder, until it ends in whatever way: the lock is an open
 * exclusive transaction on a file of its own, which the system lets go with the process.
 * @throws Fault `config` when another server has the folder, or it cannot be used
 */
export function claimFolder(dataDir: string): { release(): void } {
  const path = join(dataDir, 'server.lock')
  prepareFile(path)
  const lock = openLock(path)
  try {
    chmodSync(path, 0o600)
    lock.run('PRAGMA busy_timeout = 0')
    lock.run('BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    if (codeOf(error) !== 'SQLITE_BUSY') throw unusable(path, error)
    throw new Fault('config', `another server is using ${dataDir}`, {
      hint: 'stop it, or give another folder with --data',
      cause: error,
    })
  }
  return { release: () => lock.close() }
}

function openLock(path: string): Database {
  try {
    return new Database(path, { create: true })
  } catch (error) {
    throw unusable(path, error)
  }
}
