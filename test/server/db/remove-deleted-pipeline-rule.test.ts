/** The rule of a pipeline stays as long as the pipeline or a run of it is on record. */
import { expect, test } from 'bun:test'
import { openDatabase } from '../../../src/server/db/open-database.ts'
import { removeOrphanedRule } from '../../../src/server/db/remove-deleted-pipeline-rule.ts'
import { pipelineRules, pipelines, runs, tenants } from '../../../src/server/db/schema.ts'

const PIPELINE = { id: 'p', tenantId: 't', name: 'deploy' }

test.each([
  ['the pipeline and a run are there', true, ['p'], 1],
  ['the pipeline is there', true, [], 1],
  ['a run is there', false, ['p'], 1],
  ['only a run of another pipeline with that name is there', false, ['other'], 0],
  ['neither is there', false, [], 0],
] as const)('%s', (_, hasPipeline, runsOf, rulesLeft) => {
  const { db, close } = openDatabase(':memory:')
  const now = { createdAt: 0, updatedAt: 0 }
  db.insert(tenants).values({ id: 't', slug: 't', name: 'T', createdAt: 0 }).run()
  if (hasPipeline) {
    const script = { filename: 'p.ts', source: '', driver: 'native', paused: false }
    db.insert(pipelines)
      .values({ ...PIPELINE, ...script, ...now })
      .run()
  }
  for (const pipelineId of runsOf) {
    const run = { id: 'r', tenantId: 't', pipelineId, pipelineName: 'deploy', triggeredBy: 'ada', args: [] }
    db.insert(runs)
      .values({ ...run, status: 'success', createdAt: 0 })
      .run()
  }
  db.insert(pipelineRules).values({ pipelineId: 'p', tenantId: 't', expression: 'true', updatedAt: 0 }).run()
  db.transaction((tx) => removeOrphanedRule(tx, PIPELINE))
  expect(db.select().from(pipelineRules).all()).toHaveLength(rulesLeft)
  close()
})
