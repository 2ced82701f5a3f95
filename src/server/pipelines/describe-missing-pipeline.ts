/** What a caller is told of a pipeline that is not there, or that they do not see: its name, and the nearest they do. */
import * as v from 'valibot'
import { pipelineName } from '../../contract/api/pipelines.ts'
import { nearest } from '../../contract/nearest-word.ts'
import type { Principal } from '../access-rules/principal.ts'
import type { Pipelines } from './pipelines.ts'

/** How many names a refusal is worth comparing. */
const MAX_COMPARED = 2000

/** Both absent for what no pipeline can be called: it may be anything, and is not repeated. */
export interface MissingPipeline {
  name?: string
  /** The nearest of those that the caller may list. */
  nearest?: string | undefined
}

export async function describeMissingPipeline(
  name: string,
  caller: Principal,
  pipelines: Pick<Pipelines, 'names'>,
): Promise<MissingPipeline> {
  if (!v.is(pipelineName, name)) return {}
  const visible = caller.scopes.has('pipelines:read') ? await pipelines.names(caller) : []
  const others = visible.slice(0, MAX_COMPARED).map((pipeline) => pipeline.name)
  return { name, nearest: nearest(name, others) }
}
