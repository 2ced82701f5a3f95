/** `fob runs list`: lists runs, newest first. */
import { type RunResponse, runResponse } from '../../../contract/api/runs.ts'
import { Fault } from '../../../contract/fault.ts'
import { instant } from '../../../contract/instant-as-text.ts'
import { parseTimeOrAge, TIME_FORMS } from '../../../contract/parse-time-or-age.ts'
import { runStatus, type RunStatus } from '../../../contract/run-events.ts'
import { openClient } from '../../client/command-context.ts'
import { fetchAll, MAX_SEARCHED } from '../../client/fetch-all-pages.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { printList, sayIfNone } from '../../output/print.ts'
import { timesFor } from '../../output/format-times.ts'
import type { Globals } from '../../parsing/global-flags.ts'
import { parseLimit } from '../../parsing/limit-flag.ts'

const DEFAULT_LIMIT = 30

export const command = defineCommand({
  meta: {
    description: 'List runs, newest first',
    examples: [
      'fob runs list',
      'fob runs list --status failed',
      'fob runs list --pipeline deploy --limit 5 -o json',
      'fob runs list --by schedule --since 24h',
    ],
  },
  args: {
    pipeline: {
      type: 'string',
      alias: 'p',
      valueHint: 'NAME',
      description: 'only runs of this pipeline',
      completes: 'pipeline',
    },
    status: {
      type: 'enum',
      options: runStatus.options,
      valueHint: 'STATUS',
      description: `only runs that are ${runStatus.options.join(', ')}`,
    },
    by: {
      type: 'string',
      valueHint: 'TEXT',
      description: 'only runs started by this person or token, or part of its name; or by schedule, webhook',
      completes: ['schedule', 'webhook'],
    },
    since: {
      type: 'string',
      valueHint: 'TIME',
      description: 'only runs created since then: 24h ago, 2026-01-31 (in UTC), or an RFC 3339 time',
    },
    until: {
      type: 'string',
      valueHint: 'TIME',
      description: 'only runs created until then, a day included',
    },
    limit: {
      type: 'string',
      alias: 'n',
      valueHint: 'N',
      description: `at most this many (default: ${DEFAULT_LIMIT})`,
    },
  },
  run: ({ args, globals }, deps) => {
    const now = deps.clock.now()
    if (args.by === '') throw new Fault('usage', '--by is empty')
    const filter = {
      pipeline: args.pipeline,
      status: args.status,
      by: args.by,
      since: parseTime(args.since, '--since', now),
      until: parseTime(args.until, '--until', now),
    }
    return listRuns({ globals, filter, limit: parseLimit(args.limit) ?? DEFAULT_LIMIT }, deps)
  },
})

interface RunFilter {
  pipeline: string | undefined
  status: RunStatus | undefined
  by: string | undefined
  /** Milliseconds since 1970, both included. */
  since: number | undefined
  until: number | undefined
}

/** @throws Fault `usage` */
function parseTime(text: string | undefined, flag: '--since' | '--until', now: number): number | undefined {
  if (text === undefined) return undefined
  const ms = parseTimeOrAge(text, now, flag === '--since' ? 'start' : 'end')
  if (ms !== undefined) return ms
  throw new Fault('usage', `${flag} takes ${TIME_FORMS}`)
}

interface ListRunsOptions {
  globals: Globals
  filter: RunFilter
  limit: number
}

async function listRuns({ globals, filter, limit }: ListRunsOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const { pipeline, status, by, since, until } = filter
  const isFiltered = [status, by, since, until].some((value) => value !== undefined)
  const times = { since: asInstant(since), until: asInstant(until) }
  const runs = await fetchAll(client.api, '/api/runs', runResponse, {
    query: { pipeline, status, by, ...times },
    limit,
    ...(isFiltered ? { keep: (run) => matches(run, filter) } : {}),
    onGivenUp: () => client.say(`only the newest ${MAX_SEARCHED} runs were searched`),
  })
  sayIfNone(client, runs, describe(filter))
  const { short } = timesFor(client, deps)
  printList(deps.io, client.format, runs, [
    { title: 'id', cell: (run) => run.id },
    { title: 'pipeline', cell: (run) => run.pipeline },
    { title: 'status', cell: (run) => run.status },
    { title: 'by', cell: (run) => run.triggeredBy },
    { title: 'created', cell: (run) => short(run.createdAt) },
  ])
}

function asInstant(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : instant(ms)
}

/** As the server decides it; one of before sends others too. */
function matches(run: RunResponse, { status, by, since, until }: RunFilter): boolean {
  const created = Date.parse(run.createdAt)
  const starters = [run.triggeredBy, run.tokenName ?? ''].map((name) => name.toLowerCase())
  return (
    (status === undefined || run.status === status) &&
    (by === undefined || starters.some((name) => name.includes(by.toLowerCase()))) &&
    (since === undefined || created >= since) &&
    (until === undefined || created <= until)
  )
}

/** The runs that were looked for, in words. */
function describe({ status, pipeline, by, since, until }: RunFilter): string {
  const words = [
    status === undefined ? 'runs' : `${status} runs`,
    ...(pipeline === undefined ? [] : [`of ${pipeline}`]),
    ...(by === undefined ? [] : [`by ${by}`]),
    ...(since === undefined ? [] : [`since ${instant(since)}`]),
    ...(until === undefined ? [] : [`until ${instant(until)}`]),
  ]
  return words.join(' ')
}
