/** `fob runs resume`: runs a failed run again from where it failed. */
import { runResponse, type RunResponse, runResumed } from '../../../contract/api/runs.ts'
import { Fault } from '../../../contract/fault.ts'
import { type Client, openClient } from '../../client/command-context.ts'
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
    details: `Tasks that passed keep their results; what failed or was stopped runs again, with the source as it was when the
run started, also where the pipeline was set again since: that is said first. A task that uses a volume or a sandbox runs again too. Exits as "fob pipeline run" does.`,
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

interface Attempt {
  /** Of the run. */
  id: string
  attempt: number
  /** Undefined where it is not known. */
  pipeline?: string
  sourceChanged?: boolean | null | undefined
}

/** Undefined for a caller who may not read it: whether they may resume it is for the server to say. */
async function lookAt(id: string, { api }: Client): Promise<RunResponse | undefined> {
  try {
    return await api.request({ method: 'GET', path: runPath(id), schema: runResponse })
  } catch (error) {
    if (error instanceof Fault && error.code === 'forbidden') return undefined
    throw error
  }
}

/** A caller who has mended the source may take it for the one that runs. */
function sayIfChanged({ id, pipeline, attempt, sourceChanged }: Attempt, { say }: Client): void {
  if (sourceChanged !== true) return
  const whose = pipeline ?? 'the pipeline'
  say(
    `warning: the source of ${whose} has changed since ${id} was started: attempt ${attempt} runs it as it was then`,
  )
  say(`hint: run it as it is now with: fob pipeline run ${pipeline ?? 'NAME'}`)
}

/** @throws Fault `run_failed` when the run fails again */
async function resumeRun({ globals, id: typed, detach }: ResumeRunOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const id = await findRunId(client, typed)
  const run = await lookAt(id, client)
  const canBeResumed = run?.status === 'failed' || run?.status === 'stopped'
  // Before anything starts, where the caller may read the run.
  if (canBeResumed) sayIfChanged({ ...run, attempt: (run.attempt ?? 1) + 1 }, client)
  const { attempt, lastEventId, sourceChanged } = await client.api.request({
    method: 'POST',
    path: `${runPath(id)}/resume`,
    schema: runResumed,
    ifLost: {
      fact: 'the run may have been resumed',
      hint: `look before you resume it again: fob runs show ${id}`,
    },
  })
  if (run === undefined) sayIfChanged({ id, attempt, sourceChanged }, client)
  if (detach) {
    return printRecord(deps.io, client.format, { id, attempt, sourceChanged }, [
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
