/** Who has set a pipeline as it stands, and when. */
import { and, eq } from 'drizzle-orm'
import type { Db } from '../db/open-database.ts'
import { type pipelines, users } from '../db/schema.ts'

export interface LastSet {
  /** An e-mail address where a person is known, otherwise an ID as the audit log has it; null: not on record. */
  by: string | null
  /** Milliseconds since 1970. */
  at: number
}

export async function findLastSet(
  db: Db,
  { setBy, updatedAt }: Pick<typeof pipelines.$inferSelect, 'setBy' | 'updatedAt'>,
): Promise<LastSet> {
  return { by: setBy === null ? null : await addressOf(db, setBy), at: updatedAt }
}

/** An actor is `<provider>:<subject>` where it is a person. */
async function addressOf(db: Db, actor: string): Promise<string> {
  const at = actor.indexOf(':')
  const isThis = and(eq(users.provider, actor.slice(0, at)), eq(users.subject, actor.slice(at + 1)))
  const [user] = await db.select({ email: users.email }).from(users).where(isThis)
  return user?.email ?? actor
}
