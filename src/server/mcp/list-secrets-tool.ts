/** The tool about secrets: their names. */
import * as v from 'valibot'
import { pipelineName } from '../../contract/api/pipelines.ts'
import { instant } from '../../contract/instant-as-text.ts'
import { secretsSeenBy } from '../pipelines/visible-secret-names.ts'
import { defineTool, READS, type Tool } from './define-tool.ts'
import { findPipeline } from './pipeline-tools.ts'

const MAX_SECRETS = 500

const listSecrets = defineTool({
  name: 'list_secrets',
  title: 'List secrets',
  description: 'Lists the names of secrets, of one pipeline if it is named. Values are never shown.',
  scope: 'secrets:read',
  annotations: READS,
  input: v.strictObject({
    pipeline: v.optional(v.pipe(pipelineName, v.description('only the secrets of this pipeline'))),
  }),
  output: v.object({
    secrets: v.array(
      v.object({
        key: v.string(),
        scope: v.picklist(['server', 'global', 'pipeline']),
        pipeline: v.nullable(v.string()),
        updatedAt: v.string(),
      }),
    ),
    more: v.pipe(v.boolean(), v.description(`there are more than ${MAX_SECRETS}: name a pipeline`)),
  }),
  async run({ pipeline: name }, call) {
    const pipeline = name === undefined ? undefined : await findPipeline(name, call)
    const seen = await secretsSeenBy(call.principal, call.parts, pipeline)
    return {
      secrets: seen.slice(0, MAX_SECRETS).map(({ entry, pipelineName: owner }) => ({
        key: entry.key,
        scope: entry.scope === 'server' || entry.scope === 'global' ? entry.scope : ('pipeline' as const),
        pipeline: owner ?? null,
        updatedAt: instant(entry.updatedAt),
      })),
      more: seen.length > MAX_SECRETS,
    }
  },
})

export const SECRET_TOOLS: readonly Tool[] = [listSecrets]
