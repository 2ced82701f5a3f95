import { runResumed } from '../../../contract/api/runs.ts'
import { Fault } from '../../../contract/fault.ts'
import { openClient } from '../../client/client.ts'
import { defineCommand } from '../../command.ts'
import { failedHint, followRun } from '../../output/follow-run.ts'
import { printRecord } from '../../output/print.ts'
import { runPath } from '../../client/run-api-path.ts'

export const command = defineCommand({
  summary: 'Run a failed run again from where it failed',
  description:
    'Tasks that passed keep their results; what failed or was stopped runs again, with the pipeline as it was\n' +
    'when the run began. A task that uses a volume or a sandbox runs again too. Exits as "fob pipeline run" does.',
  examples: ['fob runs resume run_019a…', 'fob runs resume run_019a… --detach'],
  flags: { detach: { type: 'boolean', short: 'd', description: 'do not follow its log' } },
  positionals: { id: { arity: 'required', description: 'the run, failed or stopped', completes: 'run' } },
  async run({ flags, positionals: { id }, globals }, deps) {
    const client = await openClient(deps, globals)
    const path = `${runPath(id)}/resume`
    const { attempt, lastEventId } = await client.api.request({
      method: 'POST',
      path,
      schema: runResumed,
      ifLost: {
        fact: 'the run may go on again',
        hint: `look before you resume it again: fob runs show ${id}`,
      },
    })
    if (flags.detach) {
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
  },
})
