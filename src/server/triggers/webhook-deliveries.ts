/** Which webhook deliveries have started which runs. */
import { createHash } from 'node:crypto'
import { and, eq, lte } from 'drizzle-orm'
import type { Clock } from '../../platform/clock.ts'
import { newId } from '../db/new-id.ts'
import type { Db } from '../db/open-database.ts'
import { webhookDeliveries as table } from '../db/schema.ts'
import type { DeliveryId } from './webhook-signatures.ts'

/** Which deliveries have started which runs. In the database, so that a restart does not forget one. */
export interface Deliveries {
  /**
   * Calls `start` for the first of the deliveries with the same ID alone. A delivery whose run failed to start
   * is forgotten. A delivery whose run a killed server had not started yet is started under the run ID given to it.
   */
  once(
    delivery: DeliveryId & { tenantId: string; pipelineId: string },
    start: (runId: string) => Promise<unknown>,
  ): Promise<{ runId: string; isFirst: boolean }>
  purgeExpired(): Promise<void>
}

interface DeliveriesOptions {
  db: Db
  clock: Clock
  /** Whether a run is on record. */
  isRun(tenantId: string, runId: string): Promise<boolean>
}

export function openDeliveries({ db, clock, isRun }: DeliveriesOptions): Deliveries {
  const starting = new Map<string, Promise<{ runId: string; isFirst: boolean }>>()

  const once: Deliveries['once'] = async ({ tenantId, pipelineId, id, until }, start) => {
    // Whatever a sender calls it, a row stays small.
    const delivery = createHash('sha256').update(id).digest('hex')
    const key = `${pipelineId} ${delivery}`
    const other = starting.get(key)
    if (other) return { runId: (await other).runId, isFirst: false }
    const started = startOnce(tenantId, { pipelineId, delivery, expiresAt: until }, start)
    starting.set(key, started)
    try {
      return await started
    } finally {
      starting.delete(key)
    }
  }

  async function startOnce(
    tenantId: string,
    row: { pipelineId: string; delivery: string; expiresAt: number },
    start: (runId: string) => Promise<unknown>,
  ): Promise<{ runId: string; isFirst: boolean }> {
    const isThis = and(eq(table.pipelineId, row.pipelineId), eq(table.delivery, row.delivery))
    await db.delete(table).where(and(isThis, lte(table.expiresAt, clock.now())))
    await db
      .insert(table)
      .values({ ...row, runId: newId('run') })
      .onConflictDoNothing()
    const [known] = await db.select({ runId: table.runId }).from(table).where(isThis)
    if (!known) throw new Error('a delivery that was noted is there')
    if (await isRun(tenantId, known.runId)) return { runId: known.runId, isFirst: false }
    try {
      await start(known.runId)
    } catch (error) {
      await db.delete(table).where(isThis)
      throw error
    }
    return { runId: known.runId, isFirst: true }
  }

  return {
    once,
    async purgeExpired() {
      await db.delete(table).where(lte(table.expiresAt, clock.now()))
    },
  }
}
