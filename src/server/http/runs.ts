import type { RunAnswer } from '../../contract/api.ts'
import type { RunRecord, RunRow } from '../runs/records.ts'
import { HttpError, json, notFound } from './answer.ts'
import type { Call, Handler } from './call.ts'
import { eventStream } from './event-stream.ts'
import { readPage } from './paging.ts'
import type { Services } from './services.ts'

/** `GET /api/runs[?pipeline=]`: newest first. */
export const listRuns: Handler = async ({ url, principal }, { runs }) => {
  const pipelineName = url.searchParams.get('pipeline')
  const { items, next } = await runs.list(principal.tenant.id, {
    ...readPage(url),
    ...(pipelineName === null ? {} : { pipelineName }),
  })
  return json({ items: items.map(toAnswer), next })
}

/** `GET /api/runs/:id`: with its tasks. */
export const getRun: Handler = async (call, services) => {
  const run = await findRun(call, services)
  return json({
    ...toAnswer(run),
    args: run.args,
    ...(run.redactions === null ? {} : { redactions: run.redactions }),
    tasks: run.tasks.map((task) => ({
      name: task.name,
      status: task.status,
      code: task.code,
      startedAt: new Date(task.startedAt).toISOString(),
      endedAt: instant(task.endedAt),
    })),
  })
}

/** `GET /api/runs/:id/events`: server-sent events, from after `Last-Event-ID`. */
export const runEvents: Handler = async (call, services) => {
  const run = await findRun(call, services)
  const last = call.request.headers.get('last-event-id') ?? '0'
  if (!/^\d{1,15}$/.test(last)) throw new HttpError(400, 'invalid_request', 'Last-Event-ID is a number')
  return eventStream(call, services, run.id, Number(last))
}

/** `POST /api/runs/:id/stop` */
export const stopRun: Handler = async (call, services) => {
  const run = await findRun(call, services)
  const by = call.principal.email ?? call.principal.id
  if (!(await services.runs.stop(run.tenantId, run.id, `stopped by ${by}`))) {
    throw new HttpError(409, 'conflict', `the run has ended already (${run.status})`)
  }
  return json({ id: run.id }, { status: 202 })
}

async function findRun({ principal, params }: Call, { runs }: Services): Promise<RunRecord> {
  const run = await runs.get(principal.tenant.id, params.id ?? '')
  if (run === undefined) throw notFound('run')
  return run
}

function toAnswer(run: RunRow): RunAnswer {
  return {
    id: run.id,
    pipeline: run.pipelineName,
    status: run.status,
    triggeredBy: run.triggeredBy,
    createdAt: new Date(run.createdAt).toISOString(),
    startedAt: instant(run.startedAt),
    endedAt: instant(run.endedAt),
    message: run.message,
  }
}

function instant(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}
