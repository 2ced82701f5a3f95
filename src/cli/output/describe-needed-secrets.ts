/** Which secrets a pipeline needs, and which of them are set. */
import type { PipelineResponse } from '../../contract/api/pipelines.ts'

const PLACES = { pipeline: 'for this pipeline', global: 'for all pipelines', server: 'by the server' }

/** The secrets that runs of a pipeline will ask for, and of each where it is set, or how to set it. */
export function describeNeeds({ name, needs = [] }: PipelineResponse) {
  return needs.map(({ key, scope }) => ({
    key,
    isSet: scope !== null,
    text: scope === null ? `not set: fob secrets set ${key} --pipeline ${name}` : `set ${PLACES[scope]}`,
  }))
}
