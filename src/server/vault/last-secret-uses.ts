/** Which run was last given a secret. */
import { and, eq } from 'drizzle-orm'
import type { Clock } from '../../platform/clock.ts'
import type { Db } from '../db/open-database.ts'
import { secretUses } from '../db/schema.ts'
import type { SecretEntry, SecretPlace } from './vault-interface.ts'

/**
 * Which run was last given a secret. A fact about runs, so it is in the server's own database wherever the
 * secrets are.
 */
export interface SecretUses {
  touch(place: SecretPlace, runId: string): Promise<void>
  /** Of one tenant, by `scope key`. */
  of(tenantId: string): Promise<ReadonlyMap<string, NonNullable<SecretEntry['lastUsed']>>>
  forget(place: SecretPlace): Promise<void>
}

export function openSecretUses({ db, clock }: { db: Db; clock: Clock }): SecretUses {
  return {
    async touch(place, runId) {
      const used = { runId, usedAt: clock.now() }
      const target = [secretUses.tenantId, secretUses.scope, secretUses.key]
      await db
        .insert(secretUses)
        .values({ ...place, ...used })
        .onConflictDoUpdate({ target, set: used })
    },

    async of(tenantId) {
      const rows = await db.select().from(secretUses).where(eq(secretUses.tenantId, tenantId))
      return new Map(rows.map(({ scope, key, runId, usedAt }) => [`${scope} ${key}`, { runId, at: usedAt }]))
    },

    async forget({ tenantId, scope, key }) {
      await db
        .delete(secretUses)
        .where(and(eq(secretUses.tenantId, tenantId), eq(secretUses.scope, scope), eq(secretUses.key, key)))
    },
  }
}
