/** Runners in the API. */
import { heartbeatBody, putRunnerBody, type RunnerResponse } from '../../../contract/api/runners.ts'
import { instant } from '../../../contract/instant-as-text.ts'
import type { Runner } from '../../accounts/runners.ts'
import { notFound } from '../response/http-error.ts'
import { json, noContent } from '../response/json-response.ts'
import { readBody } from '../request/request-body.ts'
import { by } from '../audit-entry-from-request.ts'
import type { Handler } from '../request-context.ts'
import { runnerCheckScript } from './runner-install-sh.ts'
import { readPage } from '../request/read-page-parameters.ts'

/** `GET /api/runners` */
export const listRunners: Handler = async ({ principal, url }, { runners }) => {
  const { items, next } = await runners.list(principal.tenant.id, readPage(url))
  return json({ items: items.map(toResponse), next })
}

/** `GET /api/runners/:id` */
export const getRunner: Handler = async ({ principal, params }, { runners }) => {
  const runner = await runners.get(principal.tenant.id, params.id ?? '')
  if (runner === undefined) throw notFound('runner')
  return json(toResponse(runner))
}

/** `POST /api/runners`: the only response with the runner's token, besides that of `…/regenerate`. */
export const createRunner: Handler = async (call, { runners, audit }) => {
  const { name } = await readBody(call, putRunnerBody)
  const { value, runner } = runners.create(call.principal.tenant.id, name)
  audit.record({ ...by(call), action: 'runner.create', target: runner.id })
  return json({ token: value.reveal(), ...toResponse(runner) }, { status: 201 })
}

/** `PUT /api/runners/:id`: a new name. */
export const renameRunner: Handler = async (call, { runners, audit }) => {
  const { name } = await readBody(call, putRunnerBody)
  const runner = await runners.rename(call.principal.tenant.id, call.params.id ?? '', name)
  if (runner === undefined) throw notFound('runner')
  audit.record({ ...by(call), action: 'runner.rename', target: runner.id })
  return json(toResponse(runner))
}

/** `POST /api/runners/:id/regenerate` */
export const regenerateRunner: Handler = async (call, { runners, audit }) => {
  const regenerated = await runners.regenerate(call.principal.tenant.id, call.params.id ?? '')
  if (regenerated === undefined) throw notFound('runner')
  audit.record({ ...by(call), action: 'runner.regenerate', target: regenerated.runner.id })
  return json({ token: regenerated.value.reveal(), ...toResponse(regenerated.runner) })
}

/** `DELETE /api/runners/:id` */
export const deleteRunner: Handler = async (call, { runners, audit }) => {
  const id = call.params.id ?? ''
  if (!(await runners.remove(call.principal.tenant.id, id))) throw notFound('runner')
  audit.record({ ...by(call), action: 'runner.rm', target: id })
  return noContent()
}

/** `POST /api/runners/heartbeat` */
export const heartbeat: Handler = async (call, { runners }) => {
  const beat = await readBody(call, heartbeatBody)
  const { id: actor, name, credential } = call.principal
  await runners.heartbeat(credential.id ?? '', beat)
  return json({ id: credential.id ?? actor, name, status: beat.status })
}

/** `GET /api/runners/install.sh` */
export const runnerInstallScript: Handler = (_call, { settings }) =>
  new Response(runnerCheckScript(settings.url), {
    headers: { 'content-type': 'text/x-shellscript; charset=utf-8', 'cache-control': 'no-store' },
  })

function toResponse({ id, name, status, version, createdAt, lastSeenAt }: Runner): RunnerResponse {
  return {
    id,
    name,
    status,
    version,
    createdAt: instant(createdAt),
    lastSeenAt: instant(lastSeenAt),
  }
}
