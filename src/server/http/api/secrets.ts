/** Secrets in the API: names, never values. */
import * as v from 'valibot'
import {
  putSecretBody,
  type RewrapResponse,
  secretKey,
  type SecretResponse,
} from '../../../contract/api/secrets.ts'
import { instant } from '../../../contract/instant-as-text.ts'
import { secretsSeenBy } from '../../pipelines/visible-secret-names.ts'
import type { SecretEntry, SecretPlace } from '../../vault/vault-interface.ts'
import { HttpError, notFound } from '../response/http-error.ts'
import { json, noContent } from '../response/json-response.ts'
import { readBody } from '../request/request-body.ts'
import { by } from '../audit-entry-from-request.ts'
import type { Call } from '../request-context.ts'
import { requireAllPipelines, requireServerAdministrator } from '../guards/require-permission.ts'
import type { Services } from '../handler-services.ts'
import { findPipelineOfQuery } from './find-pipeline.ts'
import { readSecretValue, refuseReserved } from './check-sent-secret.ts'

type Parts = Pick<Services, 'vault' | 'pipelines' | 'audit' | 'defaultTenant'>

/** `GET /api/secrets[?pipeline=]`: names only; values never come back out. */
export const listSecrets = async (call: Call, services: Parts) => {
  const pipeline = await findPipelineOfQuery(call, services)
  const seen = await secretsSeenBy(call.principal, services, pipeline)
  return json({ items: seen.map(({ entry, pipelineName }) => toResponse(entry, pipelineName)), next: null })
}

/** `PUT /api/secrets/:key[?pipeline=|?scope=server]` */
export const putSecret = async (call: Call, services: Parts) => {
  const place = await placeOf(call, services)
  if (place.scope !== 'server') refuseReserved(place.key)
  const body = await readBody(call, putSecretBody)
  await services.vault.set(place, readSecretValue(place.key, body.value, body.allowShort))
  services.audit.record({
    ...by(call),
    action: 'secret.set',
    target: place.key,
    details: { scope: place.scope },
  })
  return noContent()
}

/** `DELETE /api/secrets/:key[?pipeline=|?scope=server]` */
export const deleteSecret = async (call: Call, services: Parts) => {
  const place = await placeOf(call, services)
  if (place.scope !== 'server') refuseReserved(place.key)
  if (!(await services.vault.remove(place))) throw notFound('secret')
  services.audit.record({
    ...by(call),
    action: 'secret.rm',
    target: place.key,
    details: { scope: place.scope },
  })
  return noContent()
}

/** `POST /api/secrets/rewrap`: re-encrypts for a second under a new data key; sent again until `finished`. */
export const rewrapSecrets = async (
  call: Call,
  services: Pick<Services, 'vault' | 'audit' | 'defaultTenant'>,
) => {
  requireServerAdministrator(call.principal, services)
  const { keyId, total, done, failed, finished } = await services.vault.reEncrypt()
  // It is sent many times; only the last is recorded.
  if (finished) services.audit.record({ ...by(call), action: 'secret.rewrap', target: keyId })
  const progress: RewrapResponse = {
    key: keyId,
    total,
    done,
    finished,
    failed: failed.map(({ key, scope }) => ({ key, scope })),
  }
  return json(progress)
}

async function placeOf(call: Call, services: Parts): Promise<SecretPlace> {
  const key = readKey(call)
  const tenantId = call.principal.tenant.id
  const asked = call.url.searchParams.get('scope')
  const pipeline = await findPipelineOfQuery(call, services)
  if (asked !== null) {
    if (asked !== 'server' || pipeline !== undefined) {
      throw new HttpError(400, 'invalid_request', 'scope takes "server", and then no pipeline')
    }
    requireServerAdministrator(call.principal, services)
    return { tenantId: '', scope: 'server', key }
  }
  // A global secret belongs to all pipelines.
  if (pipeline === undefined) requireAllPipelines(call.principal, 'set or delete a secret of all pipelines')
  return { tenantId, scope: pipeline === undefined ? 'global' : `pipeline/${pipeline.id}`, key }
}

function readKey({ params }: Call): string {
  const key = v.safeParse(secretKey, params.key)
  if (!key.success) throw new HttpError(400, 'invalid_request', key.issues[0].message)
  return key.output
}

function toResponse(
  { scope, key, updatedAt, lastUsed }: SecretEntry,
  pipeline: string | undefined,
): SecretResponse {
  return {
    id: `${scope}/${key}`,
    key,
    scope: scope.startsWith('pipeline/') ? 'pipeline' : scope,
    pipeline: pipeline ?? null,
    updatedAt: instant(updatedAt),
    lastRun: lastUsed?.runId ?? null,
    lastUsedAt: lastUsed === undefined ? null : instant(lastUsed.at),
  }
}
