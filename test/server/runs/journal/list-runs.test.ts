/** Lists of runs: filters, order, pages, and pipelines hidden from the caller. */
import { beforeAll, describe, expect, test } from 'bun:test'
import { openDatabase } from '../../../../src/server/db/open-database.ts'
import { runs, tenants } from '../../../../src/server/db/schema.ts'
import { listRuns, type RunQuery } from '../../../../src/server/runs/journal/list-runs.ts'

const { db } = openDatabase(':memory:')
const ROUNDS = 30
/** By tenant, the pipelines in turn; `a` was deleted and made anew, so its name has two. */
const PIPELINES = [
  ['one', 'a', 'pip_1'],
  ['one', 'b', 'pip_2'],
  ['two', 'a', 'pip_3'],
  ['one', 'c', 'pip_4'],
  ['one', 'a', 'pip_0'],
] as const
const ALL = Array.from({ length: ROUNDS * PIPELINES.length }, (_, i) => {
  const [tenantId, pipelineName, pipelineId] =
    PIPELINES[(i * i + (i >> 3)) % PIPELINES.length] ?? PIPELINES[0]
  return { id: `run_${i.toString(16).padStart(32, '0')}`, tenantId, pipelineName, pipelineId }
})

/** Every eleventh run failed. */
const statusOf = (i: number) => (i % 11 === 0 ? ('failed' as const) : ('success' as const))

beforeAll(async () => {
  for (const id of ['one', 'two']) await db.insert(tenants).values({ id, slug: id, name: id, createdAt: 0 })
  const rest = { triggeredBy: 'test', args: [], createdAt: 0 }
  await db.insert(runs).values(ALL.map((run, i) => ({ ...run, ...rest, status: statusOf(i) })))
})

async function pages(query: Omit<RunQuery, 'cursor'>): Promise<string[]> {
  const found: string[] = []
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = await listRuns(db, 'one', { ...query, cursor: cursor ?? undefined })
    expect(page.items.length).toBeLessThanOrEqual(query.limit)
    found.push(...page.items.map((run) => run.id))
    cursor = page.next
  }
  return found
}

describe('a list of runs', () => {
  test.each<[string, Omit<RunQuery, 'limit'>]>([
    ['of a tenant', {}],
    ['of one name, also of a pipeline that is gone', { pipelineName: 'a' }],
    ['of a name that nothing has', { pipelineName: 'nothing' }],
    ['of a name that is only the beginning of one', { pipelineName: '' }],
    ['of some pipelines', { only: new Set(['pip_2', 'pip_0', 'pip_9']) }],
    ['of no pipeline', { only: new Set() }],
    ['of pipelines of another tenant', { only: new Set(['pip_3']) }],
    ['without hidden ones', { except: new Set(['pip_1', 'pip_4']) }],
    [
      'of what is within reach and not hidden',
      { only: new Set(['pip_1', 'pip_2']), except: new Set(['pip_2']) },
    ],
    ['of one name, without a hidden one', { pipelineName: 'a', except: new Set(['pip_0']) }],
  ])('%s has each once, the newest first, whatever the pages', async (_, query) => {
    const { pipelineName, only, except } = query
    const expected = ALL.filter(
      (run) =>
        run.tenantId === 'one' &&
        (pipelineName === undefined || run.pipelineName === pipelineName) &&
        only?.has(run.pipelineId) !== false &&
        except?.has(run.pipelineId) !== true,
    )
      .map((run) => run.id)
      .toReversed()
    for (const limit of [1, 7, 500]) expect(await pages({ ...query, limit })).toEqual(expected)
  })

  test.each<[string, Omit<RunQuery, 'limit'>]>([
    ['of one status', { status: 'failed' }],
    ['of one status and name', { status: 'failed', pipelineName: 'a' }],
    ['of one status, without a hidden pipeline', { status: 'success', except: new Set(['pip_1']) }],
    ['of a status that no run has', { status: 'queued' }],
  ])('%s has each once, whatever the pages', async (_, query) => {
    const { pipelineName, status, except } = query
    const expected = ALL.filter(
      (run, i) =>
        run.tenantId === 'one' &&
        statusOf(i) === status &&
        (pipelineName === undefined || run.pipelineName === pipelineName) &&
        except?.has(run.pipelineId) !== true,
    )
    for (const limit of [1, 2, 500]) {
      expect(await pages({ ...query, limit })).toEqual(expected.map((run) => run.id).toReversed())
    }
  })
})

test('a list of a rare status searches so many runs for one page, and says where to continue', async () => {
  const many = openDatabase(':memory:').db
  await many.insert(tenants).values({ id: 'one', slug: 'one', name: 'one', createdAt: 0 })
  const row = {
    tenantId: 'one',
    pipelineName: 'a',
    pipelineId: 'p',
    triggeredBy: 't',
    args: [],
    createdAt: 0,
  }
  const ofNumber = (i: number) => ({
    ...row,
    id: `run_${String(i).padStart(8, '0')}`,
    status: i === 0 ? ('failed' as const) : ('success' as const),
  })
  const newest = 2100
  for (let from = 0; from <= newest; from += 100) {
    const rows = Array.from({ length: 100 }, (_, i) => ofNumber(from + i))
    await many.insert(runs).values(rows)
  }
  const first = await listRuns(many, 'one', { status: 'failed', limit: 10 })
  expect(first.items).toEqual([])
  const second = await listRuns(many, 'one', { status: 'failed', limit: 10, cursor: first.next ?? '' })
  expect([second.items.map((run) => run.id), second.next]).toEqual([['run_00000000'], null])
})
