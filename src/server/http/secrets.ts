import { putSecretBody, type RewrapAnswer, type SecretAnswer } from '../../contract/api.ts'
import type { SecretEntry, SecretPlace } from '../vault/vault.ts'
import { HttpError, json, notFound, readBody } from './answer.ts'
import type { Call, Handler } from './call.ts'
import { pipelineOfQuery, readKey } from './pipelines.ts'
import { readSecretValue, refuseReserved } from './secret-length.ts'
import type { Services } from './services.ts'

/** `GET /api/secrets[?pipeline=]`: names only; values never come back out. */
export const listSecrets: Handler = async (call, services) => {
  const { vault } = services
  const tenantId = call.principal.tenant.id
  const pipeline = await pipelineOfQuery(call, services)
  const entries =
    pipeline === undefined
      ? [...(await vault.list(tenantId, 'server')), ...(await vault.list(tenantId))]
      : await vault.list(tenantId, `pipeline/${pipeline.id}`)
  const names = new Map(
    (await services.pipelines.names(tenantId)).map(({ id, name }) => [`pipeline/${id}`, name]),
  )
  return json({ items: entries.map((entry) => toAnswer(entry, names.get(entry.scope))), next: null })
}

/** `PUT /api/secrets/:key[?pipeline=|?scope=server]` */
export const putSecret: Handler = async (call, services) => {
  const place = await placeOf(call, services)
  if (place.scope !== 'server') refuseReserved(place.key)
  const body = await readBody(call.request, putSecretBody)
  await services.vault.set(place, readSecretValue(place.key, body.value, body.allowShort))
  return new Response(null, { status: 204 })
}

/** `DELETE /api/secrets/:key[?pipeline=|?scope=server]` */
export const deleteSecret: Handler = async (call, services) => {
  if (!(await services.vault.remove(await placeOf(call, services)))) throw notFound('secret')
  return new Response(null, { status: 204 })
}

/** `POST /api/secrets/rewrap`: a second of work on the move to a new data key; asked again until `finished`. */
export const rewrapSecrets: Handler = async (call, services) => {
  needAdministrator(call)
  const { keyId, total, done, failed, finished } = await services.vault.rewrap()
  const answer: RewrapAnswer = {
    key: keyId,
    total,
    done,
    finished,
    failed: failed.map(({ key, scope }) => ({ key, scope })),
  }
  return json(answer)
}

async function placeOf(call: Call, services: Services): Promise<SecretPlace> {
  const key = readKey(call)
  const tenantId = call.principal.tenant.id
  const asked = call.url.searchParams.get('scope')
  const pipeline = await pipelineOfQuery(call, services)
  if (asked !== null) {
    if (asked !== 'server' || pipeline !== undefined) {
      throw new HttpError(400, 'invalid_request', 'scope is "server", and then there is no pipeline')
    }
    needAdministrator(call)
    return { tenantId: '', scope: 'server', key }
  }
  return { tenantId, scope: pipeline === undefined ? 'global' : `pipeline/${pipeline.id}`, key }
}

/** What reaches beyond one tenant. */
function needAdministrator({ principal }: Call): void {
  if (principal.role !== 'admin') throw new HttpError(403, 'forbidden', 'this is for administrators')
}

function toAnswer(
  { scope, key, updatedAt, lastUsed }: SecretEntry,
  pipeline: string | undefined,
): SecretAnswer {
  return {
    id: `${scope}/${key}`,
    key,
    scope: scope.startsWith('pipeline/') ? 'pipeline' : scope,
    pipeline: pipeline ?? null,
    updatedAt: new Date(updatedAt).toISOString(),
    lastRun: lastUsed?.runId ?? null,
    lastUsedAt: lastUsed === undefined ? null : new Date(lastUsed.at).toISOString(),
  }
}
