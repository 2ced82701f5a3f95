/** `fob runs logs`: prints the log of a run, and follows it with `-f`. */
import { runResponse } from '../../../contract/api/runs.ts'
import { Fault } from '../../../contract/fault.ts'
import { isFinal } from '../../../contract/run-events.ts'
import { type Client, openClient } from '../../client/command-context.ts'
import { findRunId, newestRun } from '../../client/find-by-id-prefix.ts'
import { runPath } from '../../client/run-api-path-and-page-url.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { followRun, printLogUntil } from '../../output/follow-run.ts'
import type { Globals } from '../../parsing/global-flags.ts'
import { NEWEST_RUN_ARGS, parseRunChoice, type RunChoice } from '../../parsing/run-id-or-newest-arguments.ts'

export const command = defineCommand({
  meta: {
    description: 'Print the log of a run',
    details: `Prints what a run has written so far; with -f, also what it writes until it ends. Exits 0 when the log could be
printed, however the run ended. Without an ID, it is the newest run.`,
    examples: ['fob runs logs', 'fob runs logs run_019a… -f', 'fob runs logs -p deploy -f'],
  },
  args: {
    follow: { type: 'boolean', alias: 'f', default: false, description: 'continue until the run ends' },
    ...NEWEST_RUN_ARGS,
  },
  run: ({ args, globals }, deps) =>
    printLogs({ globals, follow: args.follow, which: parseRunChoice(args) }, deps),
})

interface PrintLogsOptions {
  globals: Globals
  which: RunChoice
  follow: boolean
}

async function printLogs({ globals, which, follow }: PrintLogsOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const id = which.kind === 'id' ? await findRunId(client, which.id) : await newest(which.pipeline, client)
  const path = runPath(id)
  const run = await client.api.request({ method: 'GET', path, schema: runResponse })
  if (typeof run.logRemovedAt === 'string') {
    throw new Fault('not_found', `the log of ${id} was removed on ${run.logRemovedAt}`, {
      hint: `for the result of the run: fob runs show ${id}`,
    })
  }
  if (follow || isFinal(run.status)) {
    await followRun(client, deps, id)
    return
  }
  if (run.lastEventId === undefined) {
    throw new Fault('server_error', `the server is too old to say how far ${id} is`, {
      hint: 'follow it with -f',
    })
  }
  await printLogUntil(client, deps, { runId: id, last: run.lastEventId })
  client.say(`the run has not ended (${run.status}); follow it with -f`)
}

/** Says which run that is, as nobody has named it. */
async function newest(ofPipeline: string | undefined, client: Client): Promise<string> {
  const { id, pipeline } = await newestRun(client, ofPipeline)
  client.say(`Run ${id} of ${pipeline}`)
  return id
}
