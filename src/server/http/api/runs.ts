/** Runs in the API: lists, records, events, logs, stopping and resuming. */
import type { RunResponse, RunResumed, RunStartedAgain } from '../../../contract/api/runs.ts'
import { instant } from '../../../contract/instant-as-text.ts'
import { isFinal } from '../../../contract/run-events.ts'
import type { RunEntry, RunRecord } from '../../runs/journal/read-run-records.ts'
import type { RunEnd } from '../../runs/journal/run-journal-type.ts'
import type { Resumed } from '../../runs/runs.ts'
import { paused, pipelineGone } from '../../runs/queue/start-and-resume-refusals.ts'
import { callerName, hasStarted } from '../../access-rules/run-starter.ts'
import { missingScope } from '../guards/require-permission.ts'
import { HttpError, noRoom, notFound } from '../response/http-error.ts'
import { json } from '../response/json-response.ts'
import { by } from '../audit-entry-from-request.ts'
import type { Call, Handler } from '../request-context.ts'
import { startAgain } from '../start-run-again.ts'
import { eventStream } from '../response/event-stream-response.ts'
import { runDetails } from './run-details.ts'
import { readPage } from '../request/read-page-parameters.ts'
import { readRunFilter } from '../request/read-run-filter.ts'
import type { Services } from '../handler-services.ts'

/**
 * `GET /api/runs[?pipeline=][&status=][&by=][&since=][&until=]`: newest first. With several of them, a page can have few
 * runs and not be the last.
 */
export const listRuns: Handler = async ({ principal, url }, { pipelines, clock }) => {
  const query = { ...readPage(url), ...readRunFilter(url.searchParams, clock.now()) }
  const { items, next } = await pipelines.runsOf(principal, query)
  return json({ items: items.map(toResponse), next })
}

/** `GET /api/runs/:id`: with its tasks. */
export const getRun: Handler = async (call, services) => {
  const run = await findRunToFollow(call, services)
  const end = services.runs.unrecordedEnd(run.id)
  return json({
    ...toResponse(run),
    ...(end === undefined ? {} : { message: notRecorded(end, services).message }),
    args: run.args,
    ...runDetails(run, (await services.runs.sourceChanged(run)) ?? null),
    lastEventId: await services.runs.lastEvent(run.id),
    ...(run.redactions === null ? {} : { redactions: run.redactions }),
    tasks: run.tasks.map((task) => ({
      name: task.name,
      number: task.number,
      attempt: task.attempt,
      status: task.status,
      code: task.code,
      startedAt: instant(task.startedAt),
      endedAt: instant(task.endedAt),
    })),
  })
}

/** `GET /api/runs/:id/events`: server-sent events, from after `Last-Event-ID`. */
export const runEvents: Handler = async (call, services) => {
  const run = await findRunToFollow(call, services)
  const last = call.request.headers.get('last-event-id') ?? '0'
  if (!/^\d{1,15}$/.test(last)) {
    throw new HttpError(400, 'invalid_request', 'Last-Event-ID takes a number')
  }
  // Only its last event is left; a reader of a part of the rest must not take that for the whole.
  if (run.logRemovedAt !== null && Number(last) > 0) throw logRemoved(run.logRemovedAt)
  const end = services.runs.unrecordedEnd(run.id)
  if (end !== undefined && Number(last) >= (await services.runs.lastEvent(run.id)))
    throw notRecorded(end, services)
  // A reader who has seen the end is told not to come again (WHATWG HTML §9.2.2).
  if (await hasHeardAll(run, Number(last), call, services)) return new Response(null, { status: 204 })
  return eventStream(call, services, run.id, Number(last))
}

/** The reader has all of the log that there is, and the end cannot come: it would wait for nothing. */
function notRecorded({ status, message }: RunEnd, { disk }: Services): HttpError {
  const words = `the run has ended (${status}), and that could not be recorded yet`
  if (disk.isFull()) return noRoom(words)
  return new HttpError(507, 'insufficient_storage', message === undefined ? words : `${words}: ${message}`)
}

async function hasHeardAll(
  { id, tenantId, status }: RunEntry,
  last: number,
  { request }: Call,
  { runs }: Services,
): Promise<boolean> {
  if (last === 0 || !isFinal(status)) return false
  for await (const _more of runs.events(tenantId, id, last, request.signal)) return false
  return true
}

function logRemoved(at: number): HttpError {
  return new HttpError(410, 'log_removed', `the log of this run was removed on ${instant(at)}`)
}

/** `GET /api/runs/:id/log`: what the run printed so far, as text for a file. */
export const runLog: Handler = async (call, services) => {
  const run = await findRunToFollow(call, services)
  if (run.logRemovedAt !== null) throw logRemoved(run.logRemovedAt)
  const pieces = services.runs.log(run.id)
  const encoder = new TextEncoder()
  // Pulled piece by piece: a log can be larger than the memory that one download should take.
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { value, done } = await pieces.next()
      if (done === true) controller.close()
      else controller.enqueue(encoder.encode(value.text))
    },
  })
  return new Response(body, {
    headers: {
      'content-type': 'text/plain; charset=utf-8',
      'content-disposition': `attachment; filename="${run.id}.log"`,
      'cache-control': 'no-store',
    },
  })
}

/** `POST /api/runs/:id/stop` */
export const stopRun: Handler = async (call, services) => {
  const run = await findRun(call, services)
  const who = call.principal.email ?? call.principal.id
  if (!(await services.runs.stop(run.tenantId, run.id, `stopped by ${who}`))) {
    throw new HttpError(409, 'conflict', `the run has ended already (${run.status})`)
  }
  const details = { pipeline: run.pipelineName }
  services.audit.record({ ...by(call), action: 'run.stop', target: run.id, details })
  return json({ id: run.id }, { status: 202 })
}

/** `POST /api/runs/:id/resume` */
export const resumeRun: Handler = async (call, services) => {
  const run = await findRun(call, services)
  const resumed = await resume(run, call, services)
  const details = { pipeline: run.pipelineName, attempt: resumed.attempt }
  services.audit.record({ ...by(call), action: 'run.resume', target: run.id, details })
  return json({ run_id: run.id, ...resumed } satisfies RunResumed, { status: 202 })
}

/** `POST /api/runs/:id/again`: a new run of the same pipeline, as it is now, with the same input. */
export const startRunAgain: Handler = async (call, services) => {
  const run = await findRunToFollow(call, services)
  const { runId, sourceChanged } = await startAgain(run, call, services)
  const response = { run_id: runId, repeats: run.id, sourceChanged } satisfies RunStartedAgain
  return json(response, { status: 202, headers: { location: `/api/runs/${runId}` } })
}

/**
 * Resumes a run, unless its pipeline was removed or is paused.
 * @throws Fault `conflict`, and as `Runs.resume`
 */
export async function resume(
  run: RunEntry,
  { principal }: Call,
  { runs, pipelines }: Services,
): Promise<Resumed> {
  const pipeline = await pipelines.get(principal, run.pipelineName)
  if (pipeline?.id !== run.pipelineId) throw pipelineGone(run)
  if (pipeline.paused) throw paused(pipeline.name)
  return await runs.resume(run.tenantId, run.id, callerName(principal))
}

/** The run that the path names. @throws HttpError 404 for one that the caller does not see */
export async function findRun(
  { principal, params }: Call,
  { pipelines }: Pick<Services, 'pipelines'>,
): Promise<RunRecord> {
  const run = await pipelines.runOf(principal, params.id ?? '')
  if (run === undefined) throw notFound('run')
  return run
}

/**
 * The run that the path names, for a caller who may read runs, or has started this one and may start runs.
 * @throws HttpError 404 as `findRun`; 403 for any other run, also one that does not exist
 */
export async function findRunToFollow(call: Call, services: Services): Promise<RunRecord> {
  const { principal, params } = call
  if (principal.scopes.has('runs:read')) return await findRun(call, services)
  const run = await services.pipelines.runOf(principal, params.id ?? '')
  if (run !== undefined && principal.scopes.has('runs:trigger') && hasStarted(principal, run.starter))
    return run
  throw missingScope(principal, 'runs:read')
}

function toResponse(run: RunEntry): RunResponse {
  return {
    id: run.id,
    pipeline: run.pipelineName,
    status: run.status,
    triggeredBy: run.triggeredBy,
    tokenName: run.tokenName,
    createdAt: instant(run.createdAt),
    startedAt: instant(run.startedAt),
    endedAt: instant(run.endedAt),
    message: run.message,
    attempt: run.attempt,
    logRemovedAt: instant(run.logRemovedAt),
  }
}
