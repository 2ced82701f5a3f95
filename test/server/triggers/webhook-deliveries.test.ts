/** Repeated webhook deliveries start one run: after restarts, in parallel, and until they are forgotten. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { openDatabase } from '../../../src/server/db/open-database.ts'
import { pipelines, tenants, webhookDeliveries } from '../../../src/server/db/schema.ts'
import { openDeliveries } from '../../../src/server/triggers/webhook-deliveries.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { failure } from '../runs/run-harness.ts'

let database: ReturnType<typeof openDatabase>
const clock = manualClock(1_000_000)
/** Runs that are on record. */
let recorded: string[]

beforeEach(async () => {
  recorded = []
  database = openDatabase(':memory:')
  await database.db.insert(tenants).values({ id: 't', slug: 't', name: 'T', createdAt: 0 })
  const row = { tenantId: 't', filename: 'p.ts', source: '', driver: 'native', paused: false }
  for (const id of ['p', 'q']) {
    await database.db.insert(pipelines).values({ ...row, id, name: id, createdAt: 0, updatedAt: 0 })
  }
})
afterEach(() => database.close())

/** As a server that was just started would have it. */
const open = () =>
  openDeliveries({ db: database.db, clock, isRun: async (_tenant, id) => recorded.includes(id) })
const delivery = (more: Partial<{ id: string; pipelineId: string }> = {}) => ({
  id: 'guid',
  until: clock.now() + 60_000,
  tenantId: 't',
  pipelineId: 'p',
  ...more,
})
const count = () => database.db.$count(webhookDeliveries)
const start = async (runId: string) => void recorded.push(runId)

test('the same one again begins nothing, also after a restart', async () => {
  const first = await open().once(delivery(), start)
  const again = await open().once(delivery(), start)
  expect(again).toEqual({ runId: first.runId, isFirst: false })
  expect(recorded).toEqual([first.runId])
})

test('another one, and the same of another pipeline, begin runs', async () => {
  const deliveries = open()
  await deliveries.once(delivery(), start)
  expect(await deliveries.once(delivery({ id: 'other' }), start)).toMatchObject({ isFirst: true })
  expect(await deliveries.once(delivery({ pipelineId: 'q' }), start)).toMatchObject({ isFirst: true })
  expect(new Set(recorded).size).toBe(3)
})

test('a hundred at once begin one run', async () => {
  const deliveries = open()
  const all = await Promise.all(Array.from({ length: 100 }, () => deliveries.once(delivery(), start)))
  expect(recorded).toHaveLength(1)
  expect(all.filter(({ isFirst }) => isFirst)).toHaveLength(1)
  expect(new Set(all.map(({ runId }) => runId)).size).toBe(1)
})

test('one that could not be started is not used up', async () => {
  const deliveries = open()
  expect(await failure(deliveries.once(delivery(), () => Promise.reject(new Error('paused'))))).toMatchObject(
    {
      message: 'paused',
    },
  )
  expect(await deliveries.once(delivery(), start)).toMatchObject({ isFirst: true })
})

test('one whose server died before the run was recorded is begun by the next, under the same ID', async () => {
  const given: string[] = []
  // A start that says nothing of its run is what a killed server leaves behind.
  await open().once(delivery(), async (runId) => void given.push(runId))
  const next = await open().once(delivery(), start)
  expect(next.isFirst).toBe(true)
  expect(recorded).toEqual(given)
})

test('one that has been forgotten is another one; the sweep takes it away', async () => {
  const deliveries = open()
  await deliveries.once(delivery(), start)
  await clock.advance(60_000)
  await deliveries.once(delivery(), start)
  expect(recorded).toHaveLength(2)
  expect(await count()).toBe(1)
  await clock.advance(60_000)
  await deliveries.purgeExpired()
  expect(await count()).toBe(0)
})
