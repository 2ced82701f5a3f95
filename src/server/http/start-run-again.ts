/** Starting another run with the input of an earlier one, for the API and the pages. */
import { startedBy } from '../access-rules/run-starter.ts'
import type { RunRecord } from '../runs/journal/read-run-records.ts'
import { pipelineGone } from '../runs/queue/start-and-resume-refusals.ts'
import { by } from './audit-entry-from-request.ts'
import type { Services } from './handler-services.ts'
import { originOf } from './origin-of-request.ts'
import type { Call } from './request-context.ts'

/**
 * The same pipeline, as it is now, with the same arguments, task, request and time limit.
 * @param run one that the caller may read: the new one shows what it was given
 * @returns whether the source is another one by now; null where that is not known
 * @throws Fault `conflict` when the pipeline was removed, or some of the input is not stored; and as `Runs.start`
 */
export async function startAgain(
  run: RunRecord,
  call: Call,
  { runs, pipelines, audit }: Services,
): Promise<{ runId: string; sourceChanged: boolean | null }> {
  const pipeline = await pipelines.get(call.principal, run.pipelineName)
  if (pipeline?.id !== run.pipelineId) throw pipelineGone(run)
  const input = await runs.inputOf(run)
  const sourceChanged = (await runs.sourceChanged(run)) ?? null
  const { runId } = await runs.start({
    tenantId: run.tenantId,
    pipeline,
    ...input,
    timeoutMs: run.timeoutMs ?? undefined,
    ...startedBy(call.principal),
    origin: { ...originOf(call), ...(input.request === undefined ? {} : { request: true }) },
    repeats: run.id,
  })
  const details = { pipeline: pipeline.name, again: run.id }
  audit.record({ ...by(call), action: 'run.start', target: runId, details })
  return { runId, sourceChanged }
}
