/** The tools about pipelines: listing, reading, running. */
import * as v from 'valibot'
import { pipelineName } from '../../contract/api/pipelines.ts'
import { Fault } from '../../contract/fault.ts'
import { instant } from '../../contract/instant-as-text.ts'
import { secretNamesOf } from '../pipelines/visible-secret-names.ts'
import { describeMissingPipeline } from '../pipelines/describe-missing-pipeline.ts'
import type { PipelineEntry } from '../pipelines/pipelines.ts'
import type { Pipeline } from '../pipelines/put-pipeline.ts'
import { paused } from '../runs/queue/start-and-resume-refusals.ts'
import { findRun, runOutput, toRunOutput } from './run-tools.ts'
import { startedBy } from '../access-rules/run-starter.ts'
import { clip, defineTool, PAGE, pageOf, READS, type Tool, type ToolCall } from './define-tool.ts'

/** A source can be 1 MiB, which is too much for a model. */
const MAX_SOURCE_CHARS = 64 * 1024
const MAX_SECRET_NAMES = 200
const MAX_ARGS = 100
const MAX_TEXT_CHARS = 64 * 1024
/** Hosts cancel a call after about a minute unless progress is reported. */
const MAX_WAIT_SECONDS = 300

const nameArgument = v.pipe(pipelineName, v.description('the name of the pipeline'))

const entryOutput = {
  name: v.string(),
  filename: v.string(),
  driver: v.string(),
  paused: v.boolean(),
  updatedAt: v.string(),
}

const listPipelines = defineTool({
  name: 'list_pipelines',
  title: 'List pipelines',
  description: 'Lists the pipelines that you can see, by name, a page at a time.',
  scope: 'pipelines:read',
  annotations: READS,
  input: v.strictObject(PAGE),
  output: v.object({ pipelines: v.array(v.object(entryOutput)), next: v.nullable(v.string()) }),
  async run(page, { principal, parts }) {
    const { items, next } = await parts.pipelines.list(principal, pageOf(page))
    return { pipelines: items.map(toEntry), next }
  },
})

const getPipeline = defineTool({
  name: 'get_pipeline',
  title: 'Show a pipeline',
  description:
    'Shows one pipeline: its source in TypeScript or JavaScript, and the names of its secrets. Values of secrets are never shown.',
  scope: 'pipelines:read',
  annotations: READS,
  input: v.strictObject({ name: nameArgument }),
  output: v.object({
    ...entryOutput,
    source: v.string(),
    sourceTruncated: v.boolean(),
    secrets: v.pipe(v.array(v.string()), v.description('names only')),
  }),
  async run({ name }, call) {
    const pipeline = await findPipeline(name, call)
    const secrets = await secretNamesOf(pipeline, call.parts.vault)
    return {
      ...toEntry(pipeline),
      source: clip(pipeline.source, MAX_SOURCE_CHARS),
      sourceTruncated: pipeline.source.length > MAX_SOURCE_CHARS,
      secrets: secrets.slice(0, MAX_SECRET_NAMES),
    }
  },
})

const runPipeline = defineTool({
  name: 'run_pipeline',
  title: 'Run a pipeline',
  description:
    'Starts a run of a pipeline, which does whatever its author wrote. Returns at once with the ID of the run, or with waitSeconds when the run has ended or the time is over; the run continues either way. Read its result with get_run and get_run_log.',
  scope: 'runs:trigger',
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true },
  input: v.strictObject({
    name: nameArgument,
    args: v.optional(
      v.pipe(
        v.array(v.pipe(v.string(), v.maxLength(MAX_TEXT_CHARS))),
        v.maxLength(MAX_ARGS),
        v.description('reach the script as pipelineContext.args'),
      ),
      [],
    ),
    task: v.optional(
      v.pipe(
        v.string(),
        v.maxLength(MAX_TEXT_CHARS),
        v.description('free text, reaches the script as pipelineContext.task'),
      ),
    ),
    waitSeconds: v.optional(
      v.pipe(
        v.number(),
        v.integer(),
        v.minValue(0),
        v.maxValue(MAX_WAIT_SECONDS),
        v.description('how long to wait for the end of the run; 0, as without it, does not wait'),
      ),
      0,
    ),
  }),
  output: v.object({ run: runOutput, ended: v.boolean() }),
  async run({ name, args, task, waitSeconds }, call) {
    const { principal, parts, by } = call
    const pipeline = await findPipeline(name, call)
    if (pipeline.paused) throw paused(name)
    const { runId } = await parts.runs.start({
      tenantId: pipeline.tenantId,
      pipeline,
      args,
      task,
      ...startedBy(principal),
      origin: { kind: 'mcp' },
    })
    parts.audit.record({ ...by, action: 'run.start', target: runId, details: { pipeline: pipeline.name } })
    if (waitSeconds > 0) await untilEnd(runId, waitSeconds, call)
    const run = await findRun(runId, call)
    return { run: toRunOutput(run), ended: run.endedAt !== null }
  },
})

export const PIPELINE_TOOLS: readonly Tool[] = [listPipelines, getPipeline, runPipeline]

/** Returns when the run has ended, the time is over, or the caller has disconnected. */
async function untilEnd(runId: string, seconds: number, call: ToolCall): Promise<void> {
  const { principal, parts, signal, progress } = call
  const over = new AbortController()
  const within = AbortSignal.any([signal, over.signal])
  const timer = parts.clock.sleep(seconds * 1000, within).then(
    () => over.abort(),
    () => {},
  )
  let step = 0
  for await (const event of parts.runs.events(principal.tenant.id, runId, 0, within)) {
    if (event.type !== 'task') continue
    step += 1
    await progress(step, `${clip(event.data.name, 200)}: ${event.data.status}`)
  }
  over.abort()
  await timer
}

/** @throws Fault `not_found` for one that the caller does not see */
export async function findPipeline(name: string, { principal, parts }: ToolCall): Promise<Pipeline> {
  const pipeline = await parts.pipelines.get(principal, name)
  if (pipeline !== undefined) return pipeline
  const missing = await describeMissingPipeline(name, principal, parts.pipelines)
  const hint = missing.nearest === undefined ? undefined : `did you mean ${missing.nearest}?`
  throw new Fault('not_found', `pipeline ${missing.name === undefined ? '' : `${missing.name} `}not found`, {
    hint,
  })
}

function toEntry({ name, filename, driver, paused, updatedAt }: PipelineEntry) {
  return { name, filename, driver, paused, updatedAt: instant(updatedAt) }
}
