/** Removing the rule of a pipeline that was deleted together with its runs. */
import { and, eq, notExists } from 'drizzle-orm'
import type { Db } from './open-database.ts'
import { pipelineRules, pipelines, runs } from './schema.ts'

/**
 * Removes the rule of a pipeline that was deleted and has no runs left: nothing uses the rule any more.
 * To be called in the transaction that has removed the one or the other.
 */
export function removeOrphanedRule(
  tx: Pick<Db, 'delete' | 'select'>,
  pipeline: { id: string; tenantId: string; name: string },
): void {
  const itself = tx.select({ id: pipelines.id }).from(pipelines).where(eq(pipelines.id, pipeline.id))
  // By all three, as the index has them.
  const isItsRun = and(
    eq(runs.tenantId, pipeline.tenantId),
    eq(runs.pipelineName, pipeline.name),
    eq(runs.pipelineId, pipeline.id),
  )
  const itsRuns = tx.select({ id: runs.id }).from(runs).where(isItsRun)
  tx.delete(pipelineRules)
    .where(and(eq(pipelineRules.pipelineId, pipeline.id), notExists(itself), notExists(itsRuns)))
    .run()
}
