/** The nonces of signed requests that were used. */
import { lt } from 'drizzle-orm'
import type { Db } from '../db/open-database.ts'
import { requestNonces } from '../db/schema.ts'

/** Which nonces were used. In the database, so that a restart does not forget one. */
export interface Nonces {
  /**
   * Takes the nonce; false when this token has used it before.
   * @param until milliseconds since 1970: when its timestamp will be too old to be accepted anyway
   */
  take(tokenId: string, nonce: string, until: number): boolean
  /** Forgets those that no request can come back with. */
  purge(now: number): Promise<void>
}

export function openNonces(db: Db): Nonces {
  return {
    take: (tokenId, nonce, until) =>
      db
        .insert(requestNonces)
        .values({ tokenId, nonce, expiresAt: until })
        .onConflictDoNothing()
        .returning({ nonce: requestNonces.nonce })
        .all().length === 1,
    async purge(now) {
      await db.delete(requestNonces).where(lt(requestNonces.expiresAt, now))
    },
  }
}
