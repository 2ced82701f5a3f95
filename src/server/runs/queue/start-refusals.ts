/** Why a run does not begin, or not again. */
import { Fault } from '../../../contract/fault.ts'
import type { RunRow } from '../journal/run-records.ts'

export function paused(pipeline: string): Fault {
  return new Fault('conflict', `pipeline ${pipeline} is paused`, {
    hint: `fob pipeline unpause ${pipeline}`,
  })
}

export function goesOn({ id, status }: RunRow): Fault {
  return new Fault('conflict', `the run goes on (${status})`, { hint: `follow it: fob runs logs ${id} -f` })
}

export function hasSucceeded({ pipelineName }: RunRow): Fault {
  return new Fault('conflict', 'the run has succeeded: nothing of it is left to run', {
    hint: `run it anew: fob pipeline run ${pipelineName}`,
  })
}

export function pipelineGone({ pipelineName }: Pick<RunRow, 'pipelineName'>): Fault {
  return new Fault('conflict', `the pipeline of this run, ${pipelineName}, is gone`, {
    hint: 'what is set under that name now begins runs of its own: fob pipeline run',
  })
}
