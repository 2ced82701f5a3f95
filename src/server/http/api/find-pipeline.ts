/** The pipeline that a request names, and what a caller is told where there is none. */
import { describeMissingPipeline } from '../../pipelines/describe-missing-pipeline.ts'
import type { Pipeline } from '../../pipelines/put-pipeline.ts'
import type { Call } from '../request-context.ts'
import { type HttpError, notFound } from '../response/http-error.ts'
import type { Services } from '../handler-services.ts'

type Parts = Pick<Services, 'pipelines'>

/** The one that the path names. @throws HttpError 404 for one that the caller does not see */
export async function findPipeline(call: Call, services: Parts): Promise<Pipeline> {
  return findPipelineByName(call.params.name ?? '', call, services)
}

/** The one that `?pipeline=` names; undefined without it. @throws HttpError 404, as above */
export async function findPipelineOfQuery(call: Call, services: Parts): Promise<Pipeline | undefined> {
  const name = call.url.searchParams.get('pipeline') ?? ''
  return name === '' ? undefined : findPipelineByName(name, call, services)
}

/** The one of that name. @throws HttpError 404, as above */
export async function findPipelineByName(name: string, call: Call, services: Parts): Promise<Pipeline> {
  const pipeline = await services.pipelines.get(call.principal, name)
  if (pipeline === undefined) throw await pipelineNotFound(name, call, services)
  return pipeline
}

/**
 * The refusal for a name that no pipeline has, or one that the caller does not see: it repeats the name, and where the
 * caller may list pipelines, suggests the nearest one that they see.
 */
export async function pipelineNotFound(
  name: string,
  { principal }: Call,
  { pipelines }: Parts,
): Promise<HttpError> {
  return notFound('pipeline', await describeMissingPipeline(name, principal, pipelines))
}
