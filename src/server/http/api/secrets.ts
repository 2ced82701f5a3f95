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
import { HttpError } from '../response/http-error.ts'
import { json, noContent } from '../response/json-response.ts'
import { readBody } from '../request/request-body.ts'
import { by } from '../audit-entry-from-request.ts'
import type { Call } from '../request-context.ts'
import { requireServerAdministrator } from '../guards/require-permission.ts'
import type { Services } from '../handler-services.ts'
import { deleteSecretAt, placeInTenant, setSecret } from '../set-and-delete-secrets.ts'
import { findPipelineOfQuery } from './find-pipeline.ts'
import { refuseReserved } from './check-sent-secret.ts'

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
  // A reserved name is refused before the body is read.
  if (place.scope !== 'server') refuseReserved(place.key)
  await setSecret(call, services, { place, ...(await readBody(call, putSecretBody)) })
  return noContent()
}

/** `DELETE /api/secrets/:key[?pipeline=|?scope=server]` */
export const deleteSecret = async (call: Call, services: Parts) => {
  await deleteSecretAt(call, services, await placeOf(call, services))
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
  const asked = call.url.searchParams.get('scope')
  const pipeline = await findPipelineOfQuery(call, services)
  if (asked !== null) {
    if (asked !== 'server' || pipeline !== undefined) {
      throw new HttpError(400, 'invalid_request', 'scope takes "server", and then no pipeline')
    }
    requireServerAdministrator(call.principal, services)
    return { tenantId: '', scope: 'server', key }
  }
  return placeInTenant(call, key, pipeline)
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
