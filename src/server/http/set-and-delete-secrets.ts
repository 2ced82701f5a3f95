/** Setting and deleting a secret, by the API and by the pages. */
import type { Pipeline } from '../pipelines/put-pipeline.ts'
import type { SecretPlace } from '../vault/vault-interface.ts'
import type { SecretValue } from '../../contract/api/secrets.ts'
import { readSecretValue, refuseReserved } from './api/check-sent-secret.ts'
import { by } from './audit-entry-from-request.ts'
import { requireAllPipelines } from './guards/require-permission.ts'
import type { Services } from './handler-services.ts'
import type { Call } from './request-context.ts'
import { notFound } from './response/http-error.ts'

type Parts = Pick<Services, 'vault' | 'audit'>

/**
 * Where a secret of the caller's tenant is: of one pipeline, or of all.
 * @throws HttpError 403 for a token of some pipelines and a secret of all
 */
export function placeInTenant(call: Call, key: string, pipeline: Pipeline | undefined): SecretPlace {
  const tenantId = call.principal.tenant.id
  if (pipeline !== undefined) return { tenantId, scope: `pipeline/${pipeline.id}`, key }
  requireAllPipelines(call.principal, 'set or delete a secret of all pipelines')
  return { tenantId, scope: 'global', key }
}

/** @throws HttpError 400 for a reserved name, and for a value that is empty or too short */
export async function setSecret(
  call: Call,
  services: Parts,
  { place, value, allowShort }: { place: SecretPlace; value: SecretValue; allowShort?: boolean | undefined },
): Promise<void> {
  if (place.scope !== 'server') refuseReserved(place.key)
  await services.vault.set(place, readSecretValue(place.key, value, allowShort))
  record(call, services, 'secret.set', place)
}

/** @throws HttpError 404 where there is none, 400 for a reserved name */
export async function deleteSecretAt(call: Call, services: Parts, place: SecretPlace): Promise<void> {
  if (place.scope !== 'server') refuseReserved(place.key)
  if (!(await services.vault.remove(place))) throw notFound('secret')
  record(call, services, 'secret.rm', place)
}

function record(
  call: Call,
  { audit }: Parts,
  action: 'secret.set' | 'secret.rm',
  { key, scope }: SecretPlace,
): void {
  audit.record({ ...by(call), action, target: key, details: { scope } })
}
