/** Which secrets a caller may know the names of. */
import { isReservedSecret } from '../../contract/api/secrets.ts'
import type { Principal } from '../access-rules/principal.ts'
import type { SecretEntry, Vault } from '../vault/vault-interface.ts'
import type { Pipelines } from './pipelines.ts'
import type { Pipeline } from './put-pipeline.ts'

/** The names of a pipeline's own secrets, without the entries that the server itself keeps in that scope. */
export async function secretNamesOf(
  pipeline: Pick<Pipeline, 'id' | 'tenantId'>,
  vault: Vault,
): Promise<string[]> {
  const entries = await vault.list(pipeline.tenantId, `pipeline/${pipeline.id}`)
  return entries.map(({ key }) => key).filter((key) => !isReservedSecret(key))
}

/**
 * The secrets that a caller may know the names of: of one pipeline that they see, or of everything. What belongs
 * to a pipeline that they do not see is not there either, and what is for all pipelines is not for a credential
 * of some.
 */
export async function secretsSeenBy(
  caller: Principal,
  { pipelines, vault }: { pipelines: Pipelines; vault: Vault },
  pipeline?: Pipeline,
): Promise<{ entry: SecretEntry; pipelineName: string | undefined }[]> {
  const { id: tenantId } = caller.tenant
  const names = new Map<string, string>(
    (await pipelines.names(caller)).map(({ id, name }) => [`pipeline/${id}`, name]),
  )
  const all =
    pipeline === undefined
      ? [...(await vault.list(tenantId, 'server')), ...(await vault.list(tenantId))]
      : await vault.list(tenantId, `pipeline/${pipeline.id}`)
  return all
    .filter(({ scope, key }) =>
      scope.startsWith('pipeline/') ? names.has(scope) && !isReservedSecret(key) : caller.pipelines === null,
    )
    .map((entry) => ({ entry, pipelineName: names.get(entry.scope) }))
}
