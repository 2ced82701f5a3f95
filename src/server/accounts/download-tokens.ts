/**
 * Owns: download tokens (`dl_`): five minutes, one path, one download.
 * Refuses: a second use, another path, and more than its maker may do at the moment of the download.
 */
import { and, eq, gt, lt } from 'drizzle-orm'
import { isScope, type Scope } from '../../contract/token-scopes.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Secret } from '../../redact/secret.ts'
import type { Db } from '../db/open-database.ts'
import { downloadTokens as table } from '../db/schema.ts'
import type { User } from './user-types.ts'
import { hashOf, mintToken } from './create-and-hash-token.ts'
import { userFinder } from './find-users.ts'

interface Download {
  userId: string
  tenantId: string
  /** The whole of what it opens: `/api/runners/install.sh`. */
  path: string
  /** What the path needs, and all that the download may do. */
  scope: Scope
}

export interface DownloadTokens {
  issue(download: Download): { value: Secret; expiresAt: number }
  /** Uses the token up. Undefined when it is not a token, is not for this path, was used, or its owner was removed. */
  take(presented: string, path: string): { owner: User; scope: Scope } | undefined
  purge(now: number): Promise<void>
}

const LIFE_MS = 5 * 60_000

export function openDownloadTokens({ db, clock }: { db: Db; clock: Clock }): DownloadTokens {
  const findUser = userFinder(db)
  return {
    issue(download) {
      const { token, hash } = mintToken('dl')
      const expiresAt = clock.now() + LIFE_MS
      db.insert(table)
        .values({ ...download, hash, expiresAt })
        .run()
      return { value: token, expiresAt }
    },

    take(presented, path) {
      const hash = hashOf('dl', presented)
      if (hash === undefined) return undefined
      // Taken in one statement: of two downloads at once, one finds nothing.
      const row = db
        .delete(table)
        .where(and(eq(table.hash, hash), eq(table.path, path), gt(table.expiresAt, clock.now())))
        .returning()
        .get()
      if (row === undefined || !isScope(row.scope)) return undefined
      const owner = findUser(row.userId, row.tenantId)
      return owner && { owner, scope: row.scope }
    },

    async purge(now) {
      await db.delete(table).where(lt(table.expiresAt, now))
    },
  }
}
