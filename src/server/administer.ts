/**
 * What an administrator does to a data folder from the command line, whether or not a server runs on it:
 * everything works on the database alone.
 */
import { existsSync } from 'node:fs'
import { Fault } from '../contract/fault.ts'
import type { Clock } from '../platform/clock.ts'
import { type Accounts, openAccounts } from './accounts/accounts.ts'
import { openDatabase } from './db/open.ts'
import { revokeUserRecords } from './issuer/records.ts'
import { databasePath } from './serve.ts'

/**
 * Runs `work` on the accounts of a data folder.
 * @param create also make the folder and the database: only where an account is added
 * @throws Fault `not_found` when the folder holds no server's data
 */
export async function withAccounts<T>(
  { dataDir, clock, create }: { dataDir: string; clock: Clock; create: boolean },
  work: (accounts: Accounts) => Promise<T>,
): Promise<T> {
  const path = databasePath(dataDir)
  if (!create && !existsSync(path)) {
    throw new Fault('not_found', `there is no server data in ${dataDir}`, {
      hint: 'name its folder with --data DIR',
    })
  }
  const { db, close } = openDatabase(path)
  try {
    return await work(
      await openAccounts({ db, clock, onCredentialsChanged: (user) => revokeUserRecords(db, user) }),
    )
  } finally {
    close()
  }
}
