/**
 * What an administrator does to a data folder from the command line, whether or not a server runs on it:
 * everything works on the database alone.
 */
import { existsSync } from 'node:fs'
import { Fault } from '../../contract/fault.ts'
import type { Clock } from '../../platform/clock.ts'
import { type Accounts, openAccounts } from '../accounts/accounts.ts'
import { openServiceKeys, type ServiceKeys } from '../accounts/service-keys.ts'
import { type Members, openMembers } from '../accounts/membership/members.ts'
import { openTenants, type Tenants } from '../accounts/tenants-and-members.ts'
import type { User } from '../accounts/user-types.ts'
import { type Audit, openAudit } from '../audit/audit.ts'
import { verifyChain } from '../audit/hash-chain.ts'
import { checkFile, type Finding } from '../db/check-database.ts'
import { openDatabase } from '../db/open-database.ts'
import { revokeEverything } from './revoke-user-access.ts'
import { databasePath } from '../db/database-files.ts'

export interface DataFolder {
  dataDir: string
  clock: Clock
  /** Also make the folder and the database: only where something is added to an empty server. */
  create?: boolean
  /** Told when that was so. */
  onCreated?: () => void
}

/** The parts of a server that can be administered without it. What is done is recorded by `console`. */
export interface Administration {
  accounts: Accounts
  tenants: Tenants
  members: Members
  serviceKeys: ServiceKeys
  audit: Audit
}

/** @throws Fault `not_found` when the folder holds no server's data */
export async function administer<T>(
  { dataDir, clock, create = false, onCreated }: DataFolder,
  work: (administration: Administration) => Promise<T>,
): Promise<T> {
  const path = create ? databasePath(dataDir) : existingDatabase(dataDir)
  const isNew = !existsSync(path)
  const { db, close } = openDatabase(path)
  if (isNew) onCreated?.()
  try {
    const onCredentialsChanged = (user: User) => revokeEverything(db, user)
    const accounts = await openAccounts({ db, clock, onCredentialsChanged })
    const tenants = openTenants({ db, clock })
    return await work({
      accounts,
      tenants,
      members: openMembers({ db, clock, accounts, tenants }),
      serviceKeys: openServiceKeys({ db, clock }),
      audit: openAudit({ db, clock }),
    })
  } finally {
    close()
  }
}

/** Runs `work` on the accounts of a data folder. @throws Fault `not_found` as above */
export function withAccounts<T>(folder: DataFolder, work: (accounts: Accounts) => Promise<T>): Promise<T> {
  return administer(folder, ({ accounts }) => work(accounts))
}

/** Runs `work` on the service keys of a data folder. @throws Fault `not_found` as above */
export function withServiceKeys<T>(
  folder: DataFolder,
  work: (keys: ServiceKeys, audit: Audit) => Promise<T>,
): Promise<T> {
  return administer(folder, ({ serviceKeys, audit }) => work(serviceKeys, audit))
}

/**
 * Looks at everything in a data folder that can be wrong, and changes nothing.
 * @throws Fault `not_found` as above
 */
export function checkData(dataDir: string): Promise<Finding[]> {
  return checkFile(existingDatabase(dataDir), async (db) => {
    const verdict = await verifyChain(db)
    const check = 'audit log'
    if (verdict.intact) return { check, detail: `${verdict.entries} entries, the last one ${verdict.head}` }
    const problem = `audit entry ${verdict.seq} ${verdict.reason}`
    return { check, detail: `entry ${verdict.seq}`, problem }
  })
}

function existingDatabase(dataDir: string): string {
  const path = databasePath(dataDir)
  if (existsSync(path)) return path
  throw new Fault('not_found', `there is no server data in ${dataDir}`, {
    hint: 'name its folder with --data DIR, or the settings of the server with --config FILE',
  })
}
