/** The key that signs ID tokens. */
import { eq } from 'drizzle-orm'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import * as v from 'valibot'
import type { Db } from '../../db/open-database.ts'
import { serverKeys } from '../../db/schema.ts'
import type { Log } from '../../log.ts'
import type { Seal } from '../seal-under-session-secret.ts'

const NAME = 'id-token-es256'

const privateJwk = v.object({
  kty: v.literal('EC'),
  crv: v.literal('P-256'),
  x: v.string(),
  y: v.string(),
  d: v.string(),
})

/**
 * The key that signs ID tokens: created at the first start, stored sealed under the session secret.
 * After a change of that secret the old key cannot be opened, and a new one takes its place.
 */
export async function loadSigningKey(deps: { db: Db; seal: Seal; now: number; log: Log }): Promise<JWK> {
  const { db, seal, now, log } = deps
  const stored = await read(db, seal)
  if (stored.key) return stored.key
  if (stored.found)
    log.warn('the session secret was changed: ID tokens are signed with a new key from now on')

  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const fresh = await exportJWK(privateKey)
  const row = { name: NAME, sealed: seal.seal(Buffer.from(JSON.stringify(fresh)), NAME), createdAt: now }
  const insert = db.insert(serverKeys).values(row)
  // The first start of two processes at once: the second uses the key of the first.
  await (stored.found
    ? insert.onConflictDoUpdate({ target: serverKeys.name, set: row })
    : insert.onConflictDoNothing())
  return (await read(db, seal)).key ?? fresh
}

async function read(db: Db, seal: Seal): Promise<{ found: boolean; key: JWK | undefined }> {
  const [row] = await db.select().from(serverKeys).where(eq(serverKeys.name, NAME)).limit(1)
  const plain = row && seal.open(row.sealed, NAME)
  return { found: row !== undefined, key: plain && v.parse(privateJwk, JSON.parse(plain.toString())) }
}
