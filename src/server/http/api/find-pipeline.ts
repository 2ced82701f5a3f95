/** The pipeline that a request names. */
import type { Pipeline } from '../../pipelines/put-pipeline.ts'
import type { Call } from '../request-context.ts'
import { notFound } from '../response/http-error.ts'
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

async function findByName(name: string, { principal }: Call, { pipelines }: Parts): Promise<Pipeline> {
  const pipeline = await pipelines.get(principal, name)
  if (pipeline === undefined) throw notFound('pipeline')
  return pipeline
}
