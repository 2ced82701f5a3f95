/** Workloads by the token that they have presented, for as long as all that was checked still holds. */
import type { Clock } from '../../platform/clock.ts'
import { openRemembered } from '../db/cache-until-change.ts'
import type { Db } from '../db/open-database.ts'
import type { Workload } from './admit-workload.ts'
import type { IssuerKeys, KeySet } from './issuer-keys.ts'

interface RememberedWorkload {
  workload: Workload
  /** Seconds since 1970. */
  notAfter: number
  /** What the signature was verified by; undefined: it is a token of ours. */
  by: { keys: IssuerKeys; set: KeySet } | undefined
}

export function openRememberedWorkloads({ db, clock }: { db: Db; clock: Pick<Clock, 'now'> }) {
  const remembered = openRemembered<RememberedWorkload>(db)
  return {
    find(token: string): Workload | undefined {
      const found = remembered.find(token)
      if (found === undefined || clock.now() / 1000 >= found.notAfter) return undefined
      return found.by === undefined || found.by.keys.isCurrent(found.by.set) ? found.workload : undefined
    },
    /** @param look finds it, by what the database says now; undefined: nothing is remembered */
    put(token: string, look: () => RememberedWorkload | undefined): Workload | undefined {
      return remembered.put(token, look)?.workload
    },
  }
}
