/** `fob runs show`: shows one run and its tasks. */
import * as v from 'valibot'
import { type RunResponse, runResponse } from '../../../contract/api/runs.ts'
import { describeOrigin, runOrigin } from '../../../contract/run-origin.ts'
import { type Client, openClient } from '../../client/command-context.ts'
import { findRunId, newestRun } from '../../client/find-by-id-prefix.ts'
import { openWebPage } from '../../client/open-server-page-in-browser.ts'
import { runPageUrl, runPath } from '../../client/run-api-path-and-page-url.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { printRecord } from '../../output/print.ts'
import { timesFor } from '../../output/format-times.ts'
import type { Globals } from '../../parsing/global-flags.ts'
import { NEWEST_RUN_ARGS, parseRunChoice, type RunChoice } from '../../parsing/run-id-or-newest-arguments.ts'

export const command = defineCommand({
  meta: {
    description: 'Show one run and its tasks',
    details: 'Without an ID, it is the newest run.',
    examples: ['fob runs show', 'fob runs show run_019a… -o json', 'fob runs show --pipeline deploy --web'],
  },
  args: {
    ...NEWEST_RUN_ARGS,
    web: { type: 'boolean', alias: 'w', default: false, description: 'open its page in the browser instead' },
  },
  run: ({ args, globals }, deps) => showRun({ globals, web: args.web, which: parseRunChoice(args) }, deps),
})

interface ShowRunOptions {
  globals: Globals
  which: RunChoice
  web: boolean
}

async function showRun({ globals, which, web }: ShowRunOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const id =
    which.kind === 'id' ? await findRunId(client, which.id) : (await newestRun(client, which.pipeline)).id
  const url = runPageUrl(client.server, id)
  if (web) {
    await openWebPage(url, deps)
    return client.did({ id, url, opened: true }, `Opened ${url}`)
  }
  const run = await client.api.request({ method: 'GET', path: runPath(id), schema: runResponse })
  printRun({ ...run, url }, client, deps)
}

function printRun(run: RunResponse & { url: string }, client: Client, deps: Deps): void {
  const { long } = timesFor(client, deps)
  printRecord(deps.io, client.format, run, [
    ['id', run.id],
    ['pipeline', run.pipeline],
    ['status', run.status],
    ...(run.message === null ? [] : [['message', run.message] as const]),
    ...(run.attempt === undefined || run.attempt === 1 ? [] : [['attempt', String(run.attempt)] as const]),
    ['by', run.triggeredBy],
    ...known('token', run.tokenName),
    ...known('from', originText(run.origin)),
    ...known('again', run.repeats),
    ...known('task', run.task),
    ...(run.args ?? []).map((arg) => ['argument', arg] as const),
    ['created', long(run.createdAt)],
    ['started', run.startedAt === null ? '' : long(run.startedAt)],
    ['ended', run.endedAt === null ? '' : long(run.endedAt)],
    ...known('waited', timeText(run.queuedMs)),
    ...known('took', timeText(run.durationMs)),
    ...known('time limit', timeText(run.timeoutMs)),
    ...(run.sourceChanged === true ? [['source', 'of the pipeline: changed since then'] as const] : []),
    ...(run.attempts ?? []).slice(0, -1).map((one) => [`attempt ${one.attempt}`, attemptText(one)] as const),
    ...(typeof run.logRemovedAt === 'string' ? [['log', `removed ${long(run.logRemovedAt)}`] as const] : []),
    ...(run.tasks ?? []).map((task) => [`task ${task.name}`, taskText(task)] as const),
    ['web', run.url],
    ...(run.redactions ?? []).map((redaction) => ['redacted', redactionText(redaction)] as const),
  ])
}

/** A line that is left out where there is nothing to say. */
function known(name: string, value: string | null | undefined): (readonly [name: string, value: string])[] {
  return value === null || value === undefined ? [] : [[name, value]]
}

/** Undefined for what this version does not know. */
function originText(origin: RunResponse['origin']): string | undefined {
  const parsed = v.safeParse(runOrigin, origin)
  return parsed.success ? describeOrigin(parsed.output) : undefined
}

function timeText(ms: number | null | undefined): string | undefined {
  return typeof ms === 'number' ? `${(ms / 1000).toFixed(1)} s` : undefined
}

function attemptText({ status, message }: NonNullable<RunResponse['attempts']>[number]): string {
  return message === null ? status : `${status}: ${message}`
}

function redactionText({ secret, hits, in: place }: NonNullable<RunResponse['redactions']>[number]): string {
  return `${hits} ${hits === 1 ? 'hit' : 'hits'} of ${secret} in ${place}`
}

function taskText({ status, code, attempt = 1 }: NonNullable<RunResponse['tasks']>[number]): string {
  const ended = code === null || code === 0 ? status : `${status} (exit code ${code})`
  return attempt === 1 ? ended : `${ended}, attempt ${attempt}`
}
