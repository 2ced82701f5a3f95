/**
 * Owns: the pipelines of a tenant: their source, and the life of their secrets with them.
 * Refuses: to show one tenant's pipelines to another; every function takes the tenant.
 */
import { and, asc, eq, gt } from 'drizzle-orm'
import type { Clock } from '../../platform/clock.ts'
import type { Secret } from '../../redact/secret.ts'
import { newId } from '../db/ids.ts'
import type { Db } from '../db/open.ts'
import { pipelines as table } from '../db/schema.ts'
import type { Vault } from '../vault/vault.ts'

export type Pipeline = typeof table.$inferSelect

export interface PutPipeline {
  name: string
  /** What errors in the script call it: `deploy.ts`. */
  filename: string
  source: string
  driver: string
  /** Merged into those that the pipeline has already. */
  secrets: ReadonlyMap<string, Secret>
  unsetSecrets: readonly string[]
}

export interface Pipelines {
  put(tenantId: string, request: PutPipeline): Promise<{ pipeline: Pipeline; created: boolean }>
  get(tenantId: string, name: string): Promise<Pipeline | undefined>
  /** By name. `cursor` is the last name of the page before. */
  list(
    tenantId: string,
    page: { limit: number; cursor?: string },
  ): Promise<{ items: Pipeline[]; next: string | null }>
  names(tenantId: string): Promise<{ id: string; name: string }[]>
  /** With its secrets. Its runs stay on record. */
  remove(pipeline: Pipeline): Promise<void>
}

export function openPipelines({ db, clock, vault }: { db: Db; clock: Clock; vault: Vault }): Pipelines {
  const get: Pipelines['get'] = async (tenantId, name) => {
    const [row] = await db
      .select()
      .from(table)
      .where(and(eq(table.tenantId, tenantId), eq(table.name, name)))
    return row
  }

  return {
    get,

    async put(tenantId, request) {
      const before = await get(tenantId, request.name)
      const id = before?.id ?? newId('pip')
      // Secrets first: a pipeline never stands there without the secrets that were sent with it.
      await storeSecrets(vault, tenantId, id, request)
      const { name, filename, source, driver } = request
      const now = clock.now()
      const [pipeline] = await db
        .insert(table)
        .values({
          id,
          tenantId,
          name,
          filename,
          source,
          driver,
          paused: false,
          createdAt: now,
          updatedAt: now,
        })
        .onConflictDoUpdate({
          target: [table.tenantId, table.name],
          set: { filename, source, driver, updatedAt: now },
        })
        .returning()
      if (pipeline === undefined) throw new Error('an upsert returns its row')
      // Somebody else made a pipeline of this name in between: theirs was updated, so the secrets follow.
      if (pipeline.id !== id) {
        await storeSecrets(vault, tenantId, pipeline.id, request)
        await vault.removeScope(tenantId, `pipeline/${id}`)
      }
      return { pipeline, created: before === undefined }
    },

    async list(tenantId, { limit, cursor }) {
      const after = cursor === undefined ? undefined : gt(table.name, cursor)
      const rows = await db
        .select()
        .from(table)
        .where(and(eq(table.tenantId, tenantId), after))
        .orderBy(asc(table.name))
        .limit(limit + 1)
      const items = rows.slice(0, limit)
      return { items, next: rows.length > limit ? (items.at(-1)?.name ?? null) : null }
    },

    async names(tenantId) {
      return db.select({ id: table.id, name: table.name }).from(table).where(eq(table.tenantId, tenantId))
    },

    async remove({ tenantId, id }) {
      await db.delete(table).where(and(eq(table.tenantId, tenantId), eq(table.id, id)))
      await vault.removeScope(tenantId, `pipeline/${id}`)
    },
  }
}

async function storeSecrets(vault: Vault, tenantId: string, id: string, request: PutPipeline): Promise<void> {
  const scope = `pipeline/${id}` as const
  for (const [key, value] of request.secrets) await vault.set({ tenantId, scope, key }, value)
  for (const key of request.unsetSecrets) await vault.remove({ tenantId, scope, key })
}
