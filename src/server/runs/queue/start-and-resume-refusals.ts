/** The reasons for which a run is not started or not resumed. */
import { Fault } from '../../../contract/fault.ts'
import type { RunRow } from '../journal/read-run-records.ts'

export function paused(pipeline: string): Fault {
  return new Fault('conflict', `pipeline ${pipeline} is paused`, {
    hint: `unpause it with: fob pipeline unpause ${pipeline}`,
  })
}

export function isInProgress({ id, status }: RunRow): Fault {
  return new Fault('conflict', `the run is in progress (${status})`, {
    hint: `follow it: fob runs logs ${id} -f`,
  })
}

export function hasSucceeded({ pipelineName }: RunRow): Fault {
  return new Fault('conflict', 'the run has succeeded: nothing of it is left to run', {
    hint: `start a new run: fob pipeline run ${pipelineName}`,
  })
}

export function pipelineGone({ pipelineName }: Pick<RunRow, 'pipelineName'>): Fault {
  return new Fault('conflict', `the pipeline of this run, ${pipelineName}, was removed`, {
    hint: 'a pipeline that has this name now has runs of its own: fob pipeline run',
  })
}
