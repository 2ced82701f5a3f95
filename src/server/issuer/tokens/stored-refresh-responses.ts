/** The responses to the refreshes of the last 30 s, stored sealed. */
import { hkdfSync } from 'node:crypto'
import { and, asc, count, eq, gt, inArray } from 'drizzle-orm'
import * as v from 'valibot'
import type { Clock } from '../../../platform/clock.ts'
import type { Db } from '../../db/open-database.ts'
import { oidcRecords } from '../../db/schema.ts'
import { REFRESH_RESPONSE, storedId } from '../protocol/oidc-storage-adapter.ts'
import { sealUnder } from '../seal-under-session-secret.ts'

/** Long enough for parallel commands of one login; short enough that a thief's reuse is still noticed. */
const STORED_MS = 30_000
/** Two kilobytes each. */
const MAX_STORED = 5_000

/** The response to a refresh, and what had been asked. */
export interface StoredResponse {
  /** `wanted` of the request, in one spelling. */
  wanted: string
  headers: [string, string][]
  body: string
}

/** Whose response it is: it is deleted with the grant and with the account. */
export interface ResponseOwner {
  refreshToken: string
  clientId: string
  grantId: string
  accountId: string
}

const payloadSchema = v.object({ sealed: v.string() })
const responseSchema = v.object({
  wanted: v.string(),
  headers: v.array(v.tuple([v.string(), v.string()])),
  body: v.string(),
})

/**
 * The responses to the refreshes of the last 30 s, next to the records of their grants. Each is sealed under a key
 * derived from the refresh token: the database file alone does not open it.
 */
export function storedResponses({ db, clock }: { db: Db; clock: Clock }) {
  const kind = eq(oidcRecords.kind, REFRESH_RESPONSE)

  const makeRoom = async () => {
    const [row] = await db.select({ n: count() }).from(oidcRecords).where(kind)
    const over = (row?.n ?? 0) - MAX_STORED + 1
    if (over <= 0) return
    const oldest = db
      .select({ id: oidcRecords.id })
      .from(oidcRecords)
      .where(kind)
      .orderBy(asc(oidcRecords.expiresAt))
      .limit(over)
    await db.delete(oidcRecords).where(and(kind, inArray(oidcRecords.id, oldest)))
  }

  return {
    /** Undefined where there is none, or it is another client's. */
    async find({ refreshToken, clientId }: Pick<ResponseOwner, 'refreshToken' | 'clientId'>) {
      const id = storedId(REFRESH_RESPONSE, refreshToken)
      const [row] = await db
        .select({ payload: oidcRecords.payload })
        .from(oidcRecords)
        .where(and(kind, eq(oidcRecords.id, id), gt(oidcRecords.expiresAt, clock.now())))
        .limit(1)
      if (row === undefined) return undefined
      const { sealed } = v.parse(payloadSchema, JSON.parse(row.payload))
      const plain = sealOf(refreshToken).open(Buffer.from(sealed, 'base64'), clientId)
      return plain && v.parse(responseSchema, JSON.parse(plain.toString()))
    },

    async add(
      { refreshToken, clientId, grantId, accountId }: ResponseOwner,
      response: StoredResponse,
    ): Promise<void> {
      await makeRoom()
      const plain = Buffer.from(JSON.stringify(response))
      const sealed = sealOf(refreshToken).seal(plain, clientId).toString('base64')
      const row = {
        // By `accountId`, as all records of an account are found when it is to end.
        payload: JSON.stringify({ accountId, sealed }),
        grantId,
        expiresAt: clock.now() + STORED_MS,
      }
      await db
        .insert(oidcRecords)
        .values({ kind: REFRESH_RESPONSE, id: storedId(REFRESH_RESPONSE, refreshToken), ...row })
        .onConflictDoUpdate({ target: [oidcRecords.kind, oidcRecords.id], set: row })
    },
  }
}

/** RFC 5869: the token is random, so a key drawn from it needs no salt and no work. */
function sealOf(refreshToken: string) {
  return sealUnder(Buffer.from(hkdfSync('sha256', refreshToken, '', 'fob refresh answer v1', 32)))
}
