/** Pipelines in the API. */
import * as v from 'valibot'
import { type PipelineResponse, pipelineName, putPipelineBody } from '../../../contract/api/pipelines.ts'
import { instant } from '../../../contract/instant-as-text.ts'
import { runPipelineBody } from '../../../contract/api/runs.ts'
import type { PipelineEntry } from '../../pipelines/pipelines.ts'
import { startedBy } from '../../access-rules/run-starter.ts'
import { secretNamesOf } from '../../pipelines/visible-secret-names.ts'
import { HttpError } from '../response/http-error.ts'
import { json, noContent } from '../response/json-response.ts'
import { readBody } from '../request/request-body.ts'
import { by } from '../audit-entry-from-request.ts'
import { originOf } from '../origin-of-request.ts'
import type { Call, Handler } from '../request-context.ts'
import { eventStream } from '../response/event-stream-response.ts'
import { readPage } from '../request/read-page-parameters.ts'
import { findPipeline, pipelineNotFound } from './find-pipeline.ts'
import { toScheduleResponse } from './schedule-response.ts'
import { readSecretValue, refuseReserved } from './check-sent-secret.ts'
import type { Services } from '../handler-services.ts'
import { toWebhookResponse } from './webhook-response.ts'

/** `GET /api/pipelines` */
export const listPipelines: Handler = async (call, { pipelines }) => {
  const { items, next } = await pipelines.list(call.principal, readPage(call.url))
  return json({ items: items.map(toResponse), next })
}

/** `GET /api/pipelines/:name`: with its source, its rule and the names of its secrets. */
export const getPipeline: Handler = async (call, services) => {
  const pipeline = await findPipeline(call, services)
  return json({
    ...toResponse(pipeline),
    source: pipeline.source,
    rbac: (await services.pipelines.rule(pipeline)) ?? null,
    secrets: await secretNamesOf(pipeline, services.vault),
    needs: await services.runs.needs(pipeline),
    webhook: toWebhookResponse(pipeline, call.principal.tenant, services),
    schedules: (await services.schedules.of(pipeline.id)).map(toScheduleResponse),
  })
}

/** `PUT /api/pipelines/:name`: creates or replaces; secrets are merged. */
export const putPipeline: Handler = async (call, services) => {
  const name = readName(call)
  const { allowShort, secrets: sent = {}, ...body } = await readBody(call, putPipelineBody)
  if (body.rbac !== undefined) requireOauthForRules(services)
  for (const key of [...Object.keys(sent), ...(body.unsetSecrets ?? [])]) refuseReserved(key)
  const secrets = new Map(
    Object.entries(sent).map(([key, value]) => [key, readSecretValue(key, value, allowShort)]),
  )
  const request = {
    name,
    filename: body.filename,
    source: body.source,
    driver: body.driver,
    secrets,
    unsetSecrets: body.unsetSecrets,
    rbac: body.rbac,
    concurrency: body.concurrency,
    schedules: body.schedules,
  }
  const { principal: caller } = call
  const putBy = { caller, entry: by(call), signal: call.request.signal }
  const { pipeline, created, replaced } = await services.pipelines.put(putBy, request)
  const schedules = (await services.schedules.of(pipeline.id)).map(toScheduleResponse)
  const needs = await services.runs.needs(pipeline)
  const isHidden = (await services.pipelines.get(caller, name)) === undefined
  const hidden = isHidden ? { hiddenFromYou: true } : {}
  const before = replaced && { replaced: { setBy: replaced.by, setAt: instant(replaced.at) } }
  const response = { ...toResponse(pipeline), schedules, needs, ...hidden, ...before }
  return json(response, { status: created ? 201 : 200 })
}

/** `DELETE /api/pipelines/:name`: with its secrets; its runs stay on record. */
export const deletePipeline: Handler = async (call, services) => {
  const name = call.params.name ?? ''
  const pipeline = await services.pipelines.remove(call.principal, name)
  if (pipeline === undefined) throw await pipelineNotFound(name, call, services)
  services.audit.record({ ...by(call), action: 'pipeline.rm', target: pipeline.name })
  return noContent()
}

/** `POST /api/pipelines/:name/pause`: no run starts until it is unpaused; running ones continue. */
export const pausePipeline: Handler = (call, services) => setPaused(call, services, true)
/** `POST /api/pipelines/:name/unpause`: runs that its schedules missed meanwhile are not started. */
export const unpausePipeline: Handler = (call, services) => setPaused(call, services, false)

async function setPaused(call: Call, services: Services, paused: boolean): Promise<Response> {
  const name = call.params.name ?? ''
  const pipeline = await services.pipelines.setPaused(call.principal, name, paused)
  if (pipeline === undefined) throw await pipelineNotFound(name, call, services)
  const action = paused ? 'pipeline.pause' : 'pipeline.unpause'
  services.audit.record({ ...by(call), action, target: pipeline.name })
  return json(toResponse(pipeline))
}

/** `POST /api/pipelines/:name/run`: `{run_id}`, or the run's events where the caller asks for a stream. */
export const triggerPipeline: Handler = async (call, services) => {
  const pipeline = await findPipeline(call, services)
  const body = await readBody(call, runPipelineBody)
  const { runId } = await services.runs.start({
    tenantId: pipeline.tenantId,
    pipeline,
    args: body.args,
    task: body.task,
    timeoutMs: body.timeoutMs,
    ...startedBy(call.principal),
    origin: originOf(call),
  })
  const details = { pipeline: pipeline.name }
  services.audit.record({ ...by(call), action: 'run.start', target: runId, details })
  if (call.request.headers.get('accept')?.includes('text/event-stream') === true) {
    return eventStream(call, services, runId, 0)
  }
  return json({ run_id: runId }, { status: 202, headers: { location: `/api/runs/${runId}` } })
}

function readName({ params }: Call): string {
  const name = v.safeParse(pipelineName, params.name)
  if (!name.success) throw new HttpError(400, 'invalid_request', name.issues[0].message)
  return name.output
}

/** A rule is about a person, and only OAuth says which person calls. @throws HttpError 400 */
function requireOauthForRules({ settings }: Services): void {
  if (settings.strategy === 'oauth') return
  throw new HttpError(
    400,
    'rbac_needs_oauth',
    'rules on pipelines need OAuth: this server cannot tell who calls',
    {
      details: { hint: 'start the server with --local-accounts' },
    },
  )
}

function toResponse(pipeline: PipelineEntry): PipelineResponse {
  return {
    id: pipeline.id,
    name: pipeline.name,
    filename: pipeline.filename,
    driver: pipeline.driver,
    paused: pipeline.paused,
    concurrency: pipeline.concurrency ?? { mode: 'parallel' },
    createdAt: new Date(pipeline.createdAt).toISOString(),
    updatedAt: new Date(pipeline.updatedAt).toISOString(),
  }
}
