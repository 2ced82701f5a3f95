import { Database } from 'bun:sqlite'
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Fault } from '../../contract/fault.ts'

/**
 * Makes this process the only server of a data folder, until it ends in whatever way: the lock is an open
 * exclusive transaction on a file of its own, which the system lets go with the process.
 * @throws Fault `config` when another server has the folder
 */
export function claimFolder(dataDir: string): { release(): void } {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const path = join(dataDir, 'server.lock')
  const lock = new Database(path, { create: true })
  chmodSync(path, 0o600)
  try {
    lock.run('PRAGMA busy_timeout = 0')
    lock.run('BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    throw new Fault('config', `another server is using ${dataDir}`, {
      hint: 'stop it, or give another folder with --data',
      cause: error,
    })
  }
  return { release: () => lock.close() }
}
