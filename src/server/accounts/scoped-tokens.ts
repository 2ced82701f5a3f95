/**
 * Owns: the scoped tokens of people (`ci_`). The database has only a hash.
 * Refuses: to show a token twice, to outlive its owner's membership in its tenant, to carry a scope that
 * the owner's role has lost (`Principal` narrows at every use).
 */
import { and, asc, count, eq, gt, sql } from 'drizzle-orm'
import { Fault } from '../../contract/fault.ts'
import { isScope, type Scope } from '../../contract/token-scopes.ts'
import type { Clock } from '../../platform/clock.ts'
import { noteUnlessDiskFull } from '../../platform/files/disk-full.ts'
import type { Secret } from '../../redact/secret.ts'
import { newId } from '../db/new-id.ts'
import type { Db } from '../db/open-database.ts'
import { remember } from '../db/cache-until-change.ts'
import { cliTokens } from '../db/schema.ts'
import type { Tenant, User } from './user-types.ts'
import { hashOf, mintToken } from './create-and-hash-token.ts'
import { userFinder } from './find-users.ts'

export interface CliToken {
  id: string
  name: string
  scopes: readonly Scope[]
  /** IDs; null: all pipelines. */
  pipelines: readonly string[] | null
  signatureRequired: boolean
  /** Instants in milliseconds since 1970. */
  createdAt: number
  expiresAt: number | null
  lastUsedAt: number | null
}

interface NewCliToken {
  tenant: Tenant
  userId: string
  name: string
  scopes: readonly Scope[]
  pipelines: readonly string[] | null
  signatureRequired: boolean
  /** Seconds; null: no end. */
  expiresIn: number | null
}

/** A token that was presented and is good. `user` is its owner as they are in the token's tenant. */
export interface VerifiedCliToken {
  token: Pick<CliToken, 'id' | 'name' | 'scopes' | 'pipelines' | 'signatureRequired'>
  user: User
}

export interface CliTokens {
  /** The only time that the value is seen. @throws Fault `conflict` when the owner has too many. */
  create(token: NewCliToken): { value: Secret; token: CliToken }
  /** The owner's tokens in one tenant, oldest first. `cursor` is the last ID of the page before. */
  list(
    owner: Owner,
    page: { limit: number; cursor?: string },
  ): Promise<{ items: CliToken[]; next: string | null }>
  /** Undefined when the owner has no such token. */
  get(owner: Owner, id: string): Promise<CliToken | undefined>
  /** False when the owner has no such token. */
  revoke(owner: Owner, id: string): Promise<boolean>
  /** Undefined for whatever is not, or no longer, a good token. Notes the use, at most once a minute. */
  verify(presented: string): VerifiedCliToken | undefined
}

/** What is remembered of a token. Its use is noted here as well, so that the next one need not look. */
interface KnownToken extends VerifiedCliToken {
  expiresAt: number | null
  lastUsedAt: number | null
}

export interface Owner {
  tenantId: string
  userId: string
}

/** Enough for anyone, and a bound on what a loop can fill the database with. */
const MAX_PER_OWNER = 500
const USE_RESOLUTION_MS = 60_000

export function openCliTokens({ db, clock }: { db: Db; clock: Clock }): CliTokens {
  const find = db
    .select({
      id: cliTokens.id,
      userId: cliTokens.userId,
      tenantId: cliTokens.tenantId,
      name: cliTokens.name,
      scopes: cliTokens.scopes,
      pipelines: cliTokens.pipelines,
      signatureRequired: cliTokens.signatureRequired,
      expiresAt: cliTokens.expiresAt,
      lastUsedAt: cliTokens.lastUsedAt,
    })
    .from(cliTokens)
    .where(eq(cliTokens.hash, sql.placeholder('hash')))
    .prepare()
  const findUser = userFinder(db)
  const lookUp = (presented: string): KnownToken | undefined => {
    const hash = hashOf('ci', presented)
    const row = hash === undefined ? undefined : find.get({ hash })
    const user = row && findUser(row.userId, row.tenantId)
    if (row === undefined || user === undefined) return undefined
    const { id, name, scopes, pipelines, signatureRequired, expiresAt, lastUsedAt } = row
    const token = { id, name, scopes: scopes.filter(isScope), pipelines, signatureRequired }
    return { token, user, expiresAt, lastUsedAt }
  }
  const knownToken = remember(db, lookUp)
  const touch = db
    .update(cliTokens)
    .set({ lastUsedAt: sql`${sql.placeholder('now')}` })
    .where(eq(cliTokens.id, sql.placeholder('id')))
    .prepare()

  return {
    create: (request) => create(db, clock.now(), request),

    async list({ tenantId, userId }, { limit, cursor }) {
      const rows = await db
        .select()
        .from(cliTokens)
        .where(
          and(
            eq(cliTokens.userId, userId),
            eq(cliTokens.tenantId, tenantId),
            cursor === undefined ? undefined : gt(cliTokens.id, cursor),
          ),
        )
        .orderBy(asc(cliTokens.id))
        .limit(limit + 1)
      const items = rows.slice(0, limit).map(toToken)
      return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
    },

    async get(owner, id) {
      const [row] = await db.select().from(cliTokens).where(isOf(owner, id))
      return row && toToken(row)
    },

    async revoke(owner, id) {
      return (await db.delete(cliTokens).where(isOf(owner, id)).returning({ id: cliTokens.id })).length > 0
    },

    verify(presented) {
      const known = knownToken(presented)
      const now = clock.now()
      if (known === undefined || (known.expiresAt !== null && known.expiresAt <= now)) return undefined
      if (now - (known.lastUsedAt ?? 0) >= USE_RESOLUTION_MS) {
        noteUnlessDiskFull(() => touch.run({ now, id: known.token.id }))
        known.lastUsedAt = now
      }
      return known
    },
  }
}

function isOf({ tenantId, userId }: Owner, id: string) {
  return and(eq(cliTokens.id, id), eq(cliTokens.userId, userId), eq(cliTokens.tenantId, tenantId))
}

/** Ends every token of a user, wherever it is good. */
export async function endTokensOf(db: Db, userId: string): Promise<void> {
  await db.delete(cliTokens).where(eq(cliTokens.userId, userId))
}

function create(db: Db, now: number, request: NewCliToken): { value: Secret; token: CliToken } {
  const { token: value, hash } = mintToken('ci')
  const row = {
    id: newId('tok'),
    hash,
    tenantId: request.tenant.id,
    userId: request.userId,
    name: request.name,
    scopes: [...request.scopes],
    pipelines: request.pipelines === null ? null : [...request.pipelines],
    signatureRequired: request.signatureRequired,
    createdAt: now,
    expiresAt: request.expiresIn === null ? null : now + request.expiresIn * 1000,
    lastUsedAt: null,
  }
  db.transaction(
    (tx) => {
      const mine = eq(cliTokens.userId, request.userId)
      if ((tx.select({ n: count() }).from(cliTokens).where(mine).get()?.n ?? 0) >= MAX_PER_OWNER) {
        throw new Fault('conflict', `you have ${MAX_PER_OWNER} tokens, which is the most`, {
          hint: 'revoke tokens that you do not use; "fob tokens list" lists them',
        })
      }
      tx.insert(cliTokens).values(row).run()
    },
    { behavior: 'immediate' },
  )
  return { value, token: toToken(row) }
}

function toToken(row: typeof cliTokens.$inferSelect): CliToken {
  const { id, name, scopes, pipelines, signatureRequired, createdAt, expiresAt, lastUsedAt } = row
  return {
    id,
    name,
    scopes: scopes.filter(isScope),
    pipelines,
    signatureRequired,
    createdAt,
    expiresAt,
    lastUsedAt,
  }
}
