import { runResponse } from '../../../contract/api/runs.ts'
import { isFinal } from '../../../contract/run-events.ts'
import { Fault } from '../../../contract/fault.ts'
import { openClient } from '../../client/client.ts'
import { defineCommand } from '../../command.ts'
import { runPath } from '../../client/run-api-path.ts'
import { followRun, printLogUntil } from '../../output/follow-run.ts'

export const command = defineCommand({
  summary: 'Print the log of a run',
  description:
    'Of a run that still goes, what is there so far; with -f also what comes. Exits 0 when the log could be printed, however the run ended.',
  examples: ['fob runs logs run_019a…', 'fob runs logs run_019a… -f'],
  flags: { follow: { type: 'boolean', short: 'f', description: 'go on until the run ends' } },
  positionals: { id: { arity: 'required', description: 'the run', completes: 'run' } },
  async run({ flags, positionals: { id }, globals }, deps) {
    const client = await openClient(deps, globals)
    const path = runPath(id)
    const run = await client.api.request({ method: 'GET', path, schema: runResponse })
    if (typeof run.logRemovedAt === 'string') {
      throw new Fault('not_found', `the log of ${id} was removed on ${run.logRemovedAt}`, {
        hint: `what became of the run: fob runs show ${id}`,
      })
    }
    if (flags.follow || isFinal(run.status)) {
      await followRun(client, deps, id)
      return
    }
    if (run.lastEventId === undefined) {
      throw new Fault('server_error', `an older server does not say how far ${id} is`, {
        hint: 'follow it with -f',
      })
    }
    await printLogUntil(client, deps, { runId: id, last: run.lastEventId })
    client.say(`the run is still going (${run.status}); -f follows it`)
  },
})
