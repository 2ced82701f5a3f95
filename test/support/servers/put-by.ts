/** The caller of a pipeline upload, in the form that the request carries. */
import type { PutBy } from '../../../src/server/pipelines/put-pipeline.ts'

export function putBy(caller: PutBy['caller']): PutBy {
  const entry = { tenantId: caller.tenant.id, actor: caller.id, credential: caller.credential }
  return { caller, entry, signal: new AbortController().signal }
}
