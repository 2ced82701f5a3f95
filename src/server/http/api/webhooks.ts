/** Webhooks: setting them, and what they deliver. */
import { randomBytes } from 'node:crypto'
import { putWebhookBody } from '../../../contract/api/webhooks.ts'
import { present } from '../../../contract/omit-undefined.ts'
import { Secret } from '../../../redact/secret.ts'
import type { HttpResponse, HttpRequest } from '../../runs/execution/webhook-exchange-calls.ts'
import { notFound } from '../response/http-error.ts'
import { json, noContent } from '../response/json-response.ts'
import { readBody } from '../request/request-body.ts'
import { by } from '../audit-entry-from-request.ts'
import type { Call, Handler } from '../request-context.ts'
import { findPipeline } from './find-pipeline.ts'
import { isForm } from '../request/form-body.ts'
import { toWebhookResponse } from './webhook-response.ts'

/** `PUT /api/pipelines/:name/webhook`: only this response has the secret, where the server created it. */
export const putWebhook: Handler = async (call, services) => {
  const pipeline = await findPipeline(call, services)
  const { provider, secret } = await readBody(call, putWebhookBody)
  const created = secret === undefined ? new Secret(randomBytes(32).toString('hex')) : undefined
  await services.webhooks.set(pipeline, provider, created ?? new Secret(secret ?? ''))
  const details = { provider }
  services.audit.record({ ...by(call), action: 'webhook.set', target: pipeline.name, details })
  const webhook = toWebhookResponse({ ...pipeline, webhook: provider }, call.principal.tenant, services)
  return json({ ...webhook, ...present({ secret: created?.reveal() }) })
}

/** `DELETE /api/pipelines/:name/webhook` */
export const deleteWebhook: Handler = async (call, services) => {
  const pipeline = await findPipeline(call, services)
  if (!(await services.webhooks.unset(pipeline))) throw notFound('webhook')
  services.audit.record({ ...by(call), action: 'webhook.rm', target: pipeline.name })
  return noContent()
}

/**
 * `POST /api/webhooks/:pipeline`: starts a run. The response is the script's, or 202 `{run_id}` where the script sends
 * none in time. A delivery that is sent again gets the run that it has started.
 */
export const receiveWebhook: Handler = async (call, services) => {
  const { webhook } = call
  if (webhook === undefined) throw notFound('webhook')
  // GitHub asks whether somebody is there when the webhook is created: nothing has happened that a run could be about.
  const isGithub = webhook.pipeline.webhook === 'github'
  if (isGithub && call.headers.get('x-github-event') === 'ping') return json({ pong: true })
  const request = toRequest(call, webhook.body, isGithub)
  const { runId, isAgain, answer } = await services.webhooks.deliver(webhook, request, call.request.signal)
  if (!isAgain) {
    const details = { pipeline: webhook.pipeline.name, trigger: 'webhook' }
    services.audit.record({ ...by(call), action: 'run.start', target: runId, details })
  }
  const response = await answer
  if (response !== undefined) return toResponse(response, runId)
  const again = isAgain ? { redelivered: true } : {}
  return json({ run_id: runId, ...again }, { status: 202, headers: { 'x-fob-run': runId } })
}

/** Headers that a script does not get: credentials, for this server or for another. */
const CREDENTIAL = /authorization|cookie|token|secret|signature|password|credential|api-?key|service-key/

function toRequest({ request, url }: Call, body: Uint8Array, isGithub: boolean): HttpRequest {
  const query = new URLSearchParams(url.search)
  query.delete('tenant')
  const headers = Object.fromEntries([...request.headers].filter(([name]) => !CREDENTIAL.test(name)))
  const text = new TextDecoder().decode(body)
  const payload = isGithub && isForm(request.headers) ? new URLSearchParams(text).get('payload') : null
  return {
    method: request.method,
    path: url.pathname,
    query: Object.fromEntries(query),
    // GitHub's other content type: the same JSON, in a field of a form.
    headers: payload === null ? headers : { ...headers, 'content-type': 'application/json' },
    body: payload ?? text,
  }
}

/** A page from a script would have our origin: the headers that `http/handle-request.ts` adds take all power from it. */
function toResponse({ status, headers, body }: HttpResponse, runId: string): Response {
  const isEmpty = [204, 205, 304].includes(status)
  return new Response(isEmpty ? null : body, { status, headers: { ...headers, 'x-fob-run': runId } })
}
