/** Whoever puts a pipeline, as a request of theirs says it. */
import type { PutBy } from '../../../src/server/pipelines/put-pipeline.ts'

export function putBy(caller: PutBy['caller']): PutBy {
  const entry = { tenantId: caller.tenant.id, actor: caller.id, credential: caller.credential }
  return { caller, entry, signal: new AbortController().signal }
}
