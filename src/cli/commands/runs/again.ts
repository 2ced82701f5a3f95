/** `fob runs again`: starts a new run with the arguments and the task of an earlier one. */
import { runStartedAgain } from '../../../contract/api/runs.ts'
import { Fault } from '../../../contract/fault.ts'
import { openClient } from '../../client/command-context.ts'
import { findRunId } from '../../client/find-by-id-prefix.ts'
import { runPageUrl, runPath } from '../../client/run-api-path-and-page-url.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { failedHint, followRun } from '../../output/follow-run.ts'
import { printRecord } from '../../output/print.ts'
import type { Globals } from '../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Start a new run like an earlier one',
    details: `The pipeline as it is now, with the same arguments, task and time limit. A run whose input held a secret, or was a
webhook whose request is not stored any more, is not started again; the error says which. Exits as "fob pipeline run" does.`,
    examples: ['fob runs again run_019a…', 'fob runs again run_019a… --detach'],
  },
  args: {
    detach: { type: 'boolean', alias: 'd', default: false, description: 'do not follow its log' },
    id: {
      type: 'positional',
      description: 'the earlier run, or the beginning of its ID',
      completes: 'run',
    },
  },
  run: ({ args, globals }, deps) => startAgain({ globals, ...args }, deps),
})

interface StartAgainOptions {
  globals: Globals
  id: string
  detach: boolean
}

/** @throws Fault `run_failed` when the new run fails */
async function startAgain({ globals, id: typed, detach }: StartAgainOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const repeats = await findRunId(client, typed)
  const { run_id: id, sourceChanged } = await client.api.request({
    method: 'POST',
    path: `${runPath(repeats)}/again`,
    schema: runStartedAgain,
    ifLost: { fact: 'a run may have started', hint: 'look before you run it again: fob runs list' },
  })
  const url = runPageUrl(client.server, id)
  if (sourceChanged === true) {
    client.say(`the source has changed since ${repeats} was started: this run has it as it is now`)
  }
  if (!detach) client.say(`Run ${id}`)
  client.say(url)
  if (detach) {
    return printRecord(deps.io, client.format, { id, url, repeats, sourceChanged }, [['run', id]])
  }
  const status = await followRun(client, deps, id)
  if (status === 'success') return
  const ended = status === 'stopped' ? 'was stopped' : 'failed'
  throw new Fault('run_failed', `the run ${id} ${ended}`, { hint: failedHint(id) })
}
