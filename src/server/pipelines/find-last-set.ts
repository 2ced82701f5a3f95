/** Who has set a pipeline as it stands, and when. */
import { and, eq } from 'drizzle-orm'
import type { Audit } from '../audit/audit.ts'
import type { Db } from '../db/open-database.ts'
import { users } from '../db/schema.ts'

export interface LastSet {
  /** An e-mail address where a person is known, otherwise an ID as the audit log has it; null: not on record. */
  by: string | null
  /** Milliseconds since 1970. */
  at: number
}

/** By the audit log, in which each change of a source is an entry. */
export async function findLastSet(
  { db, audit }: { db: Db; audit: Audit },
  { tenantId, name, updatedAt }: { tenantId: string; name: string; updatedAt: number },
): Promise<LastSet> {
  const query = { action: 'pipeline.set', target: name, outcome: 'ok', since: updatedAt, limit: 1 } as const
  const actor = (await audit.list(tenantId, query)).items[0]?.actor
  return { by: actor === undefined ? null : await addressOf(db, actor), at: updatedAt }
}

/** An actor is `<provider>:<subject>` where it is a person. */
async function addressOf(db: Db, actor: string): Promise<string> {
  const at = actor.indexOf(':')
  const isThis = and(eq(users.provider, actor.slice(0, at)), eq(users.subject, actor.slice(at + 1)))
  const [user] = await db.select({ email: users.email }).from(users).where(isThis)
  return user?.email ?? actor
}
