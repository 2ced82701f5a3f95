import { putSecretBody, type RewrapResponse, type SecretResponse } from '../../../contract/api/secrets.ts'
import { secretsSeenBy } from '../../pipelines/visible-secrets.ts'
import { isAdministrator } from '../../rbac/principal.ts'
import type { SecretEntry, SecretPlace } from '../../vault/vault.ts'
import { HttpError, json, notFound, readBody } from '../response.ts'
import { by } from './audit-log.ts'
import type { Call, Handler } from '../call.ts'
import { pipelineOfQuery, readKey } from './pipelines.ts'
import { requireAllPipelines } from './pipeline-access.ts'
import { readSecretValue, refuseReserved } from './read-secret-value.ts'
import type { Services } from '../services.ts'

/** `GET /api/secrets[?pipeline=]`: names only; values never come back out. */
export const listSecrets: Handler = async (call, services) => {
  const pipeline = await pipelineOfQuery(call, services)
  const seen = await secretsSeenBy(call.principal, services, pipeline)
  return json({ items: seen.map(({ entry, pipelineName }) => toAnswer(entry, pipelineName)), next: null })
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
  // It is asked for again and again; what is worth knowing is that one was finished.
  if (finished) services.audit.record({ ...by(call), action: 'secret.rewrap', target: keyId })
  const answer: RewrapResponse = {
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
): SecretResponse {
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
