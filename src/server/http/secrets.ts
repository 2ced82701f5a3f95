import { putSecretBody, type SecretAnswer } from '../../contract/api.ts'
import { Secret } from '../../redact/secret.ts'
import type { SecretEntry, SecretPlace } from '../vault/vault.ts'
import { json, notFound, readBody } from './answer.ts'
import { by } from './audit.ts'
import type { Call, Handler } from './call.ts'
import { pipelineOfQuery, readKey } from './pipelines.ts'
import { requireAllPipelines } from './reach.ts'
import { checkSecretLength } from './secret-length.ts'
import type { Services } from './services.ts'

/** `GET /api/secrets[?pipeline=]`: names only; values never come back out. */
export const listSecrets: Handler = async (call, services) => {
  const { principal } = call
  const pipeline = await pipelineOfQuery(call, services)
  const scope = pipeline === undefined ? undefined : (`pipeline/${pipeline.id}` as const)
  const names = new Map(
    (await services.pipelines.names(principal)).map(({ id, name }) => [`pipeline/${id}`, name]),
  )
  const all = await services.vault.list(principal.tenant.id, scope)
  // What belongs to a pipeline that the caller does not see is not there either.
  const entries = all.filter((entry) =>
    entry.scope === 'global' ? principal.pipelines === null : names.has(entry.scope),
  )
  return json({ items: entries.map((entry) => toAnswer(entry, names.get(entry.scope))), next: null })
}

/** `PUT /api/secrets/:key[?pipeline=]` */
export const putSecret: Handler = async (call, services) => {
  const place = await placeOf(call, services)
  const body = await readBody(call.request, putSecretBody)
  checkSecretLength(place.key, body.value, body.allowShort)
  await services.vault.set(place, new Secret(body.value))
  services.audit.record({
    ...by(call),
    action: 'secret.set',
    target: place.key,
    details: { scope: place.scope },
  })
  return new Response(null, { status: 204 })
}

/** `DELETE /api/secrets/:key[?pipeline=]` */
export const deleteSecret: Handler = async (call, services) => {
  const place = await placeOf(call, services)
  if (!(await services.vault.remove(place))) throw notFound('secret')
  services.audit.record({
    ...by(call),
    action: 'secret.rm',
    target: place.key,
    details: { scope: place.scope },
  })
  return new Response(null, { status: 204 })
}

async function placeOf(call: Call, services: Services): Promise<SecretPlace> {
  const key = readKey(call)
  const pipeline = await pipelineOfQuery(call, services)
  // A global secret is one of every pipeline.
  if (pipeline === undefined) requireAllPipelines(call, 'set or delete a secret of all pipelines')
  const scope = pipeline === undefined ? 'global' : (`pipeline/${pipeline.id}` as const)
  return { tenantId: call.principal.tenant.id, scope, key }
}

function toAnswer(entry: SecretEntry, pipeline: string | undefined): SecretAnswer {
  return {
    id: `${entry.scope}/${entry.key}`,
    key: entry.key,
    scope: entry.scope === 'global' ? 'global' : 'pipeline',
    pipeline: pipeline ?? null,
    updatedAt: new Date(entry.updatedAt).toISOString(),
  }
}
