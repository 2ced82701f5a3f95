/** The tokens of identity providers in the database, sealed. */
import { eq } from 'drizzle-orm'
import * as v from 'valibot'
import { parseJson } from '../../../platform/parse-json.ts'
import { Secret } from '../../../redact/secret.ts'
import type { Db } from '../../db/open-database.ts'
import { identityProviderTokens } from '../../db/schema.ts'
import type { Seal } from '../seal-under-session-secret.ts'
import type { ProviderTokens } from './identity-provider-types.ts'

export interface StoredProviderTokens {
  /** Undefined where there are none, or the session secret is another one than when they were stored. */
  of(userId: string): ProviderTokens | undefined
  store(userId: string, tokens: ProviderTokens, now: number): void
  remove(userId: string, within: Pick<Db, 'delete'>): void
}

const schema = v.object({
  access: v.string(),
  refresh: v.optional(v.string()),
  expiresAt: v.optional(v.number()),
})

/** Bound to the person: the tokens of one row do not open as those of another. */
export function storedProviderTokens(db: Db, seal: Seal): StoredProviderTokens {
  return {
    of: (userId) => {
      const row = db.select().from(identityProviderTokens).where(ofUser(userId)).get()
      const plain = row && seal.open(row.sealed, userId)
      const parsed = v.safeParse(schema, parseJson(plain?.toString() ?? ''))
      if (!parsed.success) return undefined
      const { access, refresh, expiresAt } = parsed.output
      return {
        accessToken: new Secret(access),
        refreshToken: refresh === undefined ? undefined : new Secret(refresh),
        expiresAt,
      }
    },
    store: (userId, { accessToken, refreshToken, expiresAt }, now) => {
      const plain = { access: accessToken.reveal(), refresh: refreshToken?.reveal(), expiresAt }
      const row = { sealed: seal.seal(Buffer.from(JSON.stringify(plain)), userId), updatedAt: now }
      db.insert(identityProviderTokens)
        .values({ userId, ...row })
        .onConflictDoUpdate({ target: identityProviderTokens.userId, set: row })
        .run()
    },
    remove: (userId, within) => {
      within.delete(identityProviderTokens).where(ofUser(userId)).run()
    },
  }
}

function ofUser(userId: string) {
  return eq(identityProviderTokens.userId, userId)
}
