/** `fob runs resume`: runs a failed run again from where it failed. */
import { runResumed } from '../../../contract/api/runs.ts'
import { Fault } from '../../../contract/fault.ts'
import { openClient } from '../../client/command-context.ts'
import { findRunId } from '../../client/find-by-id-prefix.ts'
import { runPath } from '../../client/run-api-path-and-page-url.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { failedHint, followRun } from '../../output/follow-run.ts'
import { printRecord } from '../../output/print.ts'
import type { Globals } from '../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Run a failed run again from where it failed',
    details: `Tasks that passed keep their results; what failed or was stopped runs again, with the pipeline as it was when the
run started. A task that uses a volume or a sandbox runs again too. Exits as "fob pipeline run" does.`,
    examples: ['fob runs resume run_019a…', 'fob runs resume run_019a… --detach'],
  },
  args: {
    detach: { type: 'boolean', alias: 'd', default: false, description: 'do not follow its log' },
    id: {
      type: 'positional',
      description: 'the run, failed or stopped, or the beginning of its ID',
      completes: 'run',
    },
  },
  run: ({ args, globals }, deps) => resumeRun({ globals, ...args }, deps),
})

interface ResumeRunOptions {
  globals: Globals
  id: string
  detach: boolean
}

/** @throws Fault `run_failed` when the run fails again */
async function resumeRun({ globals, id: typed, detach }: ResumeRunOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const id = await findRunId(client, typed)
  const { attempt, lastEventId } = await client.api.request({
    method: 'POST',
    path: `${runPath(id)}/resume`,
    schema: runResumed,
    ifLost: {
      fact: 'the run may have been resumed',
      hint: `look before you resume it again: fob runs show ${id}`,
    },
  })
  if (detach) {
    return printRecord(deps.io, client.format, { id, attempt }, [
      ['run', id],
      ['attempt', String(attempt)],
    ])
  }
  client.say(`Run ${id}, attempt ${attempt}`)
  const status = await followRun(client, deps, id, lastEventId)
  if (status === 'success') return
  const ended = status === 'stopped' ? 'was stopped' : 'failed again'
  throw new Fault('run_failed', `the run ${id} ${ended}`, { hint: failedHint(id) })
}
