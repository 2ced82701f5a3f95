/** Pipelines as pages, and the buttons of a pipeline. */
import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import { startedBy } from '../../access-rules/run-starter.ts'
import { secretNamesOf } from '../../pipelines/visible-secret-names.ts'
import { renderPipeline, renderPipelines } from '../../web/pipeline-templates.ts'
import { notFound } from '../response/http-error.ts'
import { frameView, hrefInTenant } from './page-frame-view.ts'
import { nextHref, runsOf, toLine } from './run-list-view.ts'
import { by } from '../audit-entry-from-request.ts'
import type { Call, Handler } from '../request-context.ts'
import { formOf } from '../guards/session-or-credential-page-guard.ts'
import { redirect } from '../response/see-other-redirect.ts'
import { parseForm } from '../request/form-body.ts'
import { requireScope } from '../guards/require-permission.ts'
import type { Services } from '../handler-services.ts'
import { findPipeline } from '../api/find-pipeline.ts'
import { toWebhookResponse } from '../api/webhook-response.ts'
import { pageResponse } from '../response/page-response.ts'

const PAGE = 50

/** `GET /pipelines[?cursor=]` */
export const pipelinesPage: Handler = async (call, services) => {
  const cursor = call.url.searchParams.get('cursor')
  const { items, next } = await services.pipelines.list(call.principal, {
    limit: PAGE,
    ...(cursor === null ? {} : { cursor }),
  })
  const pipelines = await Promise.all(
    items.map(async ({ name, driver, paused }) => {
      const { items: runs } = await runsOf(call, services, { pipelineName: name, limit: 1 })
      return { name, driver, paused, last: runs[0] && toLine(call, runs[0]) }
    }),
  )
  const page = await renderPipelines({
    ...(await frameView(call, services)),
    pipelines,
    nextHref: nextHref(call, 'cursor', next),
  })
  return pageResponse(page)
}

/** `GET /pipelines/:name[?before=RUN]` */
export const pipelinePage: Handler = (call, services) => show(call, services, {})

const forms = v.variant('do', [
  v.object({ do: v.literal('run'), csrf: v.string(), task: v.string(), args: v.string() }),
  v.object({ do: v.literal('pause'), csrf: v.string() }),
  v.object({ do: v.literal('unpause'), csrf: v.string() }),
])

/** `POST /pipelines/:name`: one of its buttons. */
export const pipelineSubmit: Handler = async (call, services) => {
  const asked = parseForm(formOf(call), forms)
  if (!asked) {
    return await show(call, services, { problem: 'That form could not be read. Nothing was started.' }, 400)
  }
  return asked.do === 'run' ? await start(call, services, asked) : await setPaused(call, services, asked.do)
}

async function start(
  call: Call,
  services: Services,
  asked: { task: string; args: string },
): Promise<Response> {
  const pipeline = await findPipeline(call, services)
  try {
    const { runId } = await services.runs.start({
      tenantId: pipeline.tenantId,
      pipeline,
      args: asked.args.split(/\r?\n/).filter((line) => line !== ''),
      task: asked.task === '' ? undefined : asked.task,
      ...startedBy(call.principal),
      origin: { kind: 'page' },
    })
    const details = { pipeline: pipeline.name }
    services.audit.record({ ...by(call), action: 'run.start', target: runId, details })
    return redirect(hrefInTenant(call, `/runs/${runId}`))
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return await show(call, services, { problem: `It was not started: ${error.message}.` }, 409)
  }
}

/** Needs the same scope as through the API. */
async function setPaused(call: Call, services: Services, asked: 'pause' | 'unpause'): Promise<Response> {
  requireScope(call.principal, 'pipelines:write')
  const pipeline = await services.pipelines.setPaused(
    call.principal,
    call.params.name ?? '',
    asked === 'pause',
  )
  if (pipeline === undefined) throw notFound('pipeline')
  services.audit.record({ ...by(call), action: `pipeline.${asked}`, target: pipeline.name })
  const notice = pipeline.paused ? 'Paused: no run starts until it is unpaused.' : 'Unpaused.'
  return await show(call, services, { notice })
}

async function show(
  call: Call,
  services: Services,
  said: { notice?: string; problem?: string },
  status = 200,
): Promise<Response> {
  const pipeline = await findPipeline(call, services)
  const { principal, url } = call
  const [{ items, next }, secrets, needs, schedules] = await Promise.all([
    runsOf(call, services, {
      pipelineName: pipeline.name,
      cursor: url.searchParams.get('before') ?? undefined,
      limit: 20,
    }),
    secretNamesOf(pipeline, services.vault),
    services.runs.needs(pipeline),
    services.schedules.of(pipeline.id),
  ])
  const { name, filename, source, driver, paused, updatedAt } = pipeline
  const page = await renderPipeline({
    ...(await frameView(call, services)),
    ...said,
    name,
    filename,
    source,
    driver,
    paused,
    updatedAt,
    secrets,
    missing: needs.filter(({ scope }) => scope === null).map(({ key }) => key),
    webhook: toWebhookResponse(pipeline, principal.tenant, services)?.provider,
    schedules,
    runs: items.map((run) => toLine(call, run)),
    olderHref: nextHref(call, 'before', next),
    mayRun: principal.scopes.has('runs:trigger'),
    mayChange: principal.scopes.has('pipelines:write'),
  })
  return pageResponse(page, status)
}
