import { isReservedSecret, putSecretBody, type RewrapAnswer, type SecretAnswer } from '../../contract/api.ts'
import { isAdministrator } from '../rbac/principal.ts'
import type { SecretEntry, SecretPlace } from '../vault/vault.ts'
import { HttpError, json, notFound, readBody } from './answer.ts'
import { by } from './audit.ts'
import type { Call, Handler } from './call.ts'
import { pipelineOfQuery, readKey } from './pipelines.ts'
import { requireAllPipelines } from './reach.ts'
import { readSecretValue, refuseReserved } from './secret-length.ts'
import type { Services } from './services.ts'

/** `GET /api/secrets[?pipeline=]`: names only; values never come back out. */
export const listSecrets: Handler = async (call, services) => {
  const { principal } = call
  const { vault } = services
  const pipeline = await pipelineOfQuery(call, services)
  const names = new Map(
    (await services.pipelines.names(principal)).map(({ id, name }) => [`pipeline/${id}`, name]),
  )
  const all =
    pipeline === undefined
      ? [...(await vault.list(principal.tenant.id, 'server')), ...(await vault.list(principal.tenant.id))]
      : await vault.list(principal.tenant.id, `pipeline/${pipeline.id}`)
  // What belongs to a pipeline that the caller does not see is not there either.
  const entries = all.filter((entry) =>
    entry.scope.startsWith('pipeline/')
      ? names.has(entry.scope) && !isReservedSecret(entry.key)
      : principal.pipelines === null,
  )
  return json({ items: entries.map((entry) => toAnswer(entry, names.get(entry.scope))), next: null })
}

/** `PUT /api/secrets/:key[?pipeline=|?scope=server]` */
export const putSecret: Handler = async (call, services) => {
  const place = await placeOf(call, services)
  if (place.scope !== 'server') refuseReserved(place.key)
  const body = await readBody(call.request, putSecretBody)
  await services.vault.set(place, readSecretValue(place.key, body.value, body.allowShort))
  services.audit.record({
    ...by(call),
    action: 'secret.set',
    target: place.key,
    details: { scope: place.scope },
  })
  return new Response(null, { status: 204 })
}

/** `DELETE /api/secrets/:key[?pipeline=|?scope=server]` */
export const deleteSecret: Handler = async (call, services) => {
  const place = await placeOf(call, services)
  if (place.scope !== 'server') refuseReserved(place.key)
  if (!(await services.vault.remove(place))) throw notFound('secret')
  services.audit.record({
    ...by(call),
    action: 'secret.rm',
    target: place.key,
    details: { scope: place.scope },
  })
  return new Response(null, { status: 204 })
}

/** `POST /api/secrets/rewrap`: a second of work on the move to a new data key; asked again until `finished`. */
export const rewrapSecrets: Handler = async (call, services) => {
  needServerAdministrator(call, services)
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
    needServerAdministrator(call, services)
    return { tenantId: '', scope: 'server', key }
  }
  // A global secret is one of every pipeline.
  if (pipeline === undefined) requireAllPipelines(call, 'set or delete a secret of all pipelines')
  return { tenantId, scope: pipeline === undefined ? 'global' : `pipeline/${pipeline.id}`, key }
}

/** What reaches beyond one tenant is for those who run the server: administrators of the tenant `default`. */
function needServerAdministrator({ principal }: Call, { defaultTenant }: Services): void {
  if (isAdministrator(principal) && principal.tenant.id === defaultTenant.id) return
  throw new HttpError(403, 'forbidden', 'this is for administrators of the server')
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
