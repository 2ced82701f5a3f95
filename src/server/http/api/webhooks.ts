import { randomBytes } from 'node:crypto'
import { putWebhookBody } from '../../../contract/api/webhooks.ts'
import { Secret } from '../../../redact/secret.ts'
import type { HttpAnswer, HttpRequest } from '../../runs/execution/webhook-exchange.ts'
import { json, notFound, readBody } from '../response.ts'
import { by } from './audit-log.ts'
import type { Call, Handler } from '../call.ts'
import { findPipeline } from './pipelines.ts'
import { webhookOf } from './webhook-response.ts'

/** `PUT /api/pipelines/:name/webhook`: the answer alone has the secret, where the server made it. */
export const putWebhook: Handler = async (call, services) => {
  const pipeline = await findPipeline(call, services)
  const { provider, secret } = await readBody(call.request, putWebhookBody)
  const made = secret === undefined ? new Secret(randomBytes(32).toString('hex')) : undefined
  await services.webhooks.set(pipeline, provider, made ?? new Secret(secret ?? ''))
  const details = { provider }
  services.audit.record({ ...by(call), action: 'webhook.set', target: pipeline.name, details })
  const webhook = webhookOf({ ...pipeline, webhook: provider }, call.principal.tenant, services)
  return json({ ...webhook, ...(made === undefined ? {} : { secret: made.reveal() }) })
}

/** `DELETE /api/pipelines/:name/webhook` */
export const deleteWebhook: Handler = async (call, services) => {
  const pipeline = await findPipeline(call, services)
  if (!(await services.webhooks.unset(pipeline))) throw notFound('webhook')
  services.audit.record({ ...by(call), action: 'webhook.rm', target: pipeline.name })
  return new Response(null, { status: 204 })
}

/**
 * `POST /api/webhooks/:pipeline`: begins a run. Answers what the script answers, or 202 `{run_id}` where it does
 * not, or not in time. A delivery that comes again is answered with the run that it began.
 */
export const receiveWebhook: Handler = async (call, services) => {
  const { webhook } = call
  if (webhook === undefined) throw notFound('webhook')
  const request = toRequest(call, webhook.body)
  const { runId, isAgain, answer } = await services.webhooks.deliver(webhook, request, call.request.signal)
  if (!isAgain) {
    const details = { pipeline: webhook.pipeline.name, trigger: 'webhook' }
    services.audit.record({ ...by(call), action: 'run.start', target: runId, details })
  }
  const said = await answer
  if (said !== undefined) return toResponse(said, runId)
  const again = isAgain ? { redelivered: true } : {}
  return json({ run_id: runId, ...again }, { status: 202, headers: { 'x-fob-run': runId } })
}

/** What proves who sent a request is not for a script; nor is what some other door would open to. */
const CREDENTIAL = /authorization|cookie|token|secret|signature|password|credential|api-?key|service-key/

function toRequest({ request, url }: Call, body: Uint8Array): HttpRequest {
  const query = new URLSearchParams(url.search)
  query.delete('tenant')
  return {
    method: request.method,
    path: url.pathname,
    query: Object.fromEntries(query),
    headers: Object.fromEntries([...request.headers].filter(([name]) => !CREDENTIAL.test(name))),
    body: new TextDecoder().decode(body),
  }
}

/** A page of the script's would have our origin: it stays what `http/app.ts` makes of it, without any power. */
function toResponse({ status, headers, body }: HttpAnswer, runId: string): Response {
  const isEmpty = [204, 205, 304].includes(status)
  return new Response(isEmpty ? null : body, { status, headers: { ...headers, 'x-fob-run': runId } })
}
