/** The pipeline that a request names, and what a caller is told where there is none. */
import * as v from 'valibot'
import { pipelineName } from '../../../contract/api/pipelines.ts'
import { nearest } from '../../../contract/nearest-word.ts'
import type { Pipeline } from '../../pipelines/put-pipeline.ts'
import type { Call } from '../request-context.ts'
import { type HttpError, notFound } from '../response/http-error.ts'
import type { Services } from '../handler-services.ts'

type Parts = Pick<Services, 'pipelines'>

/** The one that the path names. @throws HttpError 404 for one that the caller does not see */
export async function findPipeline(call: Call, services: Parts): Promise<Pipeline> {
  return findByName(call.params.name ?? '', call, services)
}

/** The one that `?pipeline=` names; undefined without it. @throws HttpError 404, as above */
export async function findPipelineOfQuery(call: Call, services: Parts): Promise<Pipeline | undefined> {
  const name = call.url.searchParams.get('pipeline') ?? ''
  return name === '' ? undefined : findByName(name, call, services)
}

async function findByName(name: string, call: Call, services: Parts): Promise<Pipeline> {
  const pipeline = await services.pipelines.get(call.principal, name)
  if (pipeline === undefined) throw await pipelineNotFound(name, call, services)
  return pipeline
}

/** How many names a refusal is worth comparing. */
const MAX_COMPARED = 2000

/**
 * The refusal for a name that no pipeline has, or one that the caller does not see: it repeats the name, and where the
 * caller may list pipelines, suggests the nearest one that they see.
 */
export async function pipelineNotFound(
  name: string,
  { principal }: Call,
  { pipelines }: Parts,
): Promise<HttpError> {
  // What no pipeline can be called may be anything, and is not repeated.
  if (!v.is(pipelineName, name)) return notFound('pipeline')
  const visible = principal.scopes.has('pipelines:read') ? await pipelines.names(principal) : []
  const others = visible.slice(0, MAX_COMPARED).map((pipeline) => pipeline.name)
  return notFound('pipeline', { name, nearest: nearest(name, others) })
}
