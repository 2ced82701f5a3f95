/** Lists of runs: filters, order, pages, and pipelines hidden from the caller. */
import { beforeAll, describe, expect, test } from 'bun:test'
import { openDatabase } from '../../../../src/server/db/open-database.ts'
import { runs, tenants } from '../../../../src/server/db/schema.ts'
import { listRuns, nextValueQuery, type RunQuery } from '../../../../src/server/runs/journal/list-runs.ts'
import {
  AFTER_ALL,
  allOf,
  firstIdAt,
  type RunIdSource,
  seekQuery,
} from '../../../../src/server/runs/journal/run-id-source.ts'

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

const at = (minute: number) => Date.UTC(2026, 0, 1, 0, minute)
const idAt = (minute: number) => firstIdAt(at(minute)) + 'f'.repeat(20)

describe('what started a run, and when', () => {
  const many = openDatabase(':memory:').db
  const BY = [
    { triggeredBy: 'Ada@Corp.example' },
    { triggeredBy: 'ada@corp.example', tokenName: 'Nightly builds' },
    { triggeredBy: 'schedule' },
    { triggeredBy: 'webhook' },
    { triggeredBy: 'bob@corp.example' },
  ]
  const row = { pipelineName: 'a', pipelineId: 'p', args: [], status: 'success' as const }

  beforeAll(async () => {
    for (const id of ['one', 'two']) {
      await many.insert(tenants).values({ id, slug: id, name: id, createdAt: 0 })
    }
    const values = BY.map((by, minute) =>
      Object.assign({ id: idAt(minute), tenantId: 'one', createdAt: at(minute) }, row, by),
    )
    const foreign = { ...row, id: idAt(99), tenantId: 'two', triggeredBy: 'ada@corp.example', createdAt: 0 }
    await many.insert(runs).values([...values, foreign])
  })

  test.each<[string, Omit<RunQuery, 'limit'>, number[]]>([
    ['a person, also by a token, in any case', { by: 'ADA@' }, [1, 0]],
    ['a token', { by: 'nightly' }, [1]],
    ['a schedule', { by: 'schedule' }, [2]],
    ['a webhook', { by: 'webhook' }, [3]],
    ['what is in several names', { by: 'CORP' }, [4, 1, 0]],
    ['nobody', { by: 'carol' }, []],
    ['the time since, itself included', { since: at(3) }, [4, 3]],
    ['the time until, itself included', { until: at(1) }, [1, 0]],
    ['one minute', { since: at(2), until: at(2) }, [2]],
    ['a time before all', { until: at(-1) }, []],
    ['a time and a person', { since: at(1), by: 'corp' }, [4, 1]],
    ['a person and a pipeline', { by: 'corp', pipelineName: 'a', status: 'success' }, [4, 1, 0]],
    ['a person and no pipeline', { by: 'corp', only: new Set() }, []],
  ])('%s', async (_, query, minutes) => {
    for (const limit of [1, 50]) {
      const found: string[] = []
      for (let cursor: string | null | undefined; cursor !== null;) {
        const page = await listRuns(many, 'one', { ...query, limit, cursor: cursor ?? undefined })
        found.push(...page.items.map(({ id }) => id))
        cursor = page.next
      }
      expect(found).toEqual(minutes.map(idAt))
    }
  })

  test.each<[string, string[], string]>([
    [seekQuery('tenant'), ['t', 'x'], 'runs_by_tenant (tenant_id=? AND id<?)'],
    [seekQuery('status'), ['t', 's', 'x'], 'runs_by_tenant_and_status (tenant_id=? AND status=? AND id<?)'],
    [seekQuery('trigger'), ['t', 'b', 'x'], 'runs_by_trigger (tenant_id=? AND triggered_by=? AND id<?)'],
    [seekQuery('token'), ['t', 'n', 'x'], 'runs_by_token (tenant_id=? AND token_name=? AND id<?)'],
    [
      seekQuery('pipeline'),
      ['t', 'n', 'p', 'x'],
      'runs_by_pipeline (tenant_id=? AND pipeline_name=? AND pipeline_id=? AND id<?)',
    ],
    [nextValueQuery('triggered_by'), ['t', 'x'], 'runs_by_trigger (tenant_id=? AND triggered_by>?)'],
    [nextValueQuery('token_name'), ['t', 'x'], 'runs_by_token (tenant_id=? AND token_name>?)'],
  ])('%s asks an index alone, and sorts nothing', (query, values, index) => {
    const plan = many.$client
      .query<{ detail: string }, string[]>(`EXPLAIN QUERY PLAN ${query}`)
      .all(...values)
      .map(({ detail }) => detail)
    expect(plan).toEqual([`SEARCH runs USING COVERING INDEX ${index}`])
  })
})

const setOf = (ids: readonly string[]): RunIdSource => ({
  newest(bound) {
    const id = ids.findLast((one) => one < bound)
    return id === undefined ? { kind: 'none' } : { kind: 'found', id }
  },
})
const name = (i: number) => `run_${String(i).padStart(6, '0')}`

describe('the runs that are in several sets', () => {
  const even = Array.from({ length: 500 }, (_, i) => name(2 * i))
  const odd = Array.from({ length: 500 }, (_, i) => name(2 * i + 1))
  const page = (bound: string) => allOf([setOf(even), setOf(odd)], 100).newest(bound)

  test('few of many are found by steps that skip the others', () => {
    const rare = [name(2), name(600)]
    const both = allOf([setOf(even), setOf(rare)], 12)
    expect(both.newest(AFTER_ALL)).toEqual({ kind: 'found', id: name(600) })
    expect(both.newest(name(600))).toEqual({ kind: 'found', id: name(2) })
    expect(both.newest(name(2))).toEqual({ kind: 'none' })
  })

  test('sets that have nothing in common are searched so long, and then from there on', () => {
    let pages = 0
    let bound = AFTER_ALL
    for (let found = page(bound); found.kind !== 'none'; found = page(bound)) {
      if (found.kind !== 'given up') throw new Error('there is nothing to be found')
      expect(found.at < bound).toBe(true)
      bound = found.at
      pages += 1
    }
    expect(pages).toBeGreaterThan(5)
    expect(pages).toBeLessThan(15)
  })
})
