/** Stored pipelines: lists without sources, rules evaluated once, and rules of removed pipelines. */
import { expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'
import { Fault } from '../../../src/contract/fault.ts'
import { Secret } from '../../../src/redact/secret.ts'
import { openAccounts } from '../../../src/server/accounts/accounts.ts'
import { openAudit } from '../../../src/server/audit/audit.ts'
import { openDatabase } from '../../../src/server/db/open-database.ts'
import { pipelineRules, pipelines as table, runs as runsTable } from '../../../src/server/db/schema.ts'
import { openPipelines, type PipelineRuns } from '../../../src/server/pipelines/pipelines.ts'
import type { Pipeline, PutPipeline, ScriptChecks } from '../../../src/server/pipelines/put-pipeline.ts'
import { MAX_RULES } from '../../../src/server/pipelines/pipeline-visibility.ts'
import type { Principal } from '../../../src/server/access-rules/principal.ts'
import { openRbac, type Rbac } from '../../../src/server/access-rules/access-rules.ts'
import { listRuns } from '../../../src/server/runs/journal/list-runs.ts'
import { findRecord } from '../../../src/server/runs/journal/read-run-records.ts'
import { memoryVault } from '../../support/servers/memory-vault.ts'
import { principal } from '../../support/servers/principal.ts'
import { putBy } from '../../support/servers/put-by.ts'

/** The pipelines of one tenant, for an administrator and for somebody whom rules can shut out. */
async function setUp(rbac?: Rbac, vault = memoryVault()) {
  const { db, close } = openDatabase(':memory:')
  const clock = { now: () => 1_700_000_000_000, sleep: () => Promise.resolve() }
  const accounts = await openAccounts({ db, clock, onCredentialsChanged: () => Promise.resolve() })
  const runs: PipelineRuns & ScriptChecks = {
    check: async () => {},
    checkDriver: async () => {},
    get: (tenantId, id) => findRecord(db, tenantId, id),
    list: (tenantId, query) => listRuns(db, tenantId, query),
    hold() {},
    withdraw() {},
  }
  const pipelines = openPipelines({
    db,
    clock,
    vault,
    rbac: rbac ?? (await openRbac(undefined)),
    audit: openAudit({ db, clock }),
    runs,
    schedules: { check() {}, set() {}, of: async () => [] },
    defaultDriver: 'native',
  })
  const tenant = accounts.defaultTenant()
  const caller = principal({ tenant })
  const put = (name: string, given: Partial<PutPipeline> = {}) =>
    pipelines.put(putBy(caller), {
      name,
      filename: 'p.ts',
      driver: 'native',
      source: 'the source',
      secrets: new Map(),
      ...given,
    })
  const rules = () => db.select({ expression: pipelineRules.expression }).from(pipelineRules).all()
  const addRun = async (id: string, { id: pipelineId, name: pipelineName, tenantId }: Pipeline) => {
    const run = { id, tenantId, pipelineId, pipelineName, triggeredBy: 'api', args: [], createdAt: 0 }
    await db.insert(runsTable).values({ ...run, status: 'success' })
  }
  return { db, vault, pipelines, caller, put, rules, addRun, [Symbol.dispose]: close }
}

test('a list of pipelines does not read their sources', async () => {
  using world = await setUp()
  const { pipelines, caller, put } = world
  await put('p')
  const { items } = await pipelines.list(caller, { limit: 10 })
  expect(items).toHaveLength(1)
  expect(items[0]).toMatchObject({ name: 'p', filename: 'p.ts', driver: 'native', paused: false })
  expect(items[0]).not.toHaveProperty('source')
  expect((await pipelines.get(caller, 'p'))?.source).toBe('the source')
})

/** Counts how often each rule is evaluated. */
async function countingRbac() {
  const inner = await openRbac(undefined)
  const asked: string[] = []
  const rbac: Rbac = {
    ...inner,
    judge: (who) => {
      const passes = inner.judge(who)
      return (expression) => {
        asked.push(expression)
        return passes(expression)
      }
    },
    allowed: (who, expression) => {
      asked.push(expression)
      return inner.allowed(who, expression)
    },
  }
  return { rbac, asked }
}

test('who asks for one pipeline has its rule evaluated, and no other', async () => {
  const { rbac, asked } = await countingRbac()
  using world = await setUp(rbac)
  const { pipelines, caller, put, addRun } = world
  for (let i = 0; i < 50; i++) await put(`p${i}`, { rbac: `Email != "${i}"` })
  await put('without')
  asked.length = 0
  const found = await pipelines.get(caller, 'p7')
  expect(asked).toEqual(['Email != "7"'])
  if (found) await addRun('run_7', found)
  asked.length = 0
  await pipelines.get(caller, 'without')
  expect(await pipelines.runOf(caller, 'run_7')).toMatchObject({ id: 'run_7', pipelineId: found?.id })
  expect(asked).toEqual(['Email != "7"'])
  expect((await pipelines.list(caller, { limit: 100 })).items).toHaveLength(51)
})

test('one whose rule says no is hidden by itself as in a list', async () => {
  using world = await setUp()
  const { pipelines, caller, put, addRun } = world
  const hidden = await put('hidden', { rbac: 'Email == "nobody"' })
  const shown = await put('shown', { rbac: 'Email != "nobody"' })
  await addRun('run_hidden', hidden.pipeline)
  await addRun('run_shown', shown.pipeline)
  expect(await pipelines.get(caller, 'hidden')).toBeUndefined()
  expect(await pipelines.get(caller, 'shown')).toBeDefined()
  expect((await pipelines.runsOf(caller, { limit: 10 })).items.map(({ id }) => id)).toEqual(['run_shown'])
  expect((await pipelines.list(caller, { limit: 10 })).items.map(({ name }) => name)).toEqual(['shown'])
})

test('no rules are left of pipelines that were removed', async () => {
  using world = await setUp()
  const { pipelines, caller, put, rules } = world
  for (let i = 0; i < 1000; i++) {
    await put(`p${i}`, { rbac: `Email != "${i}"` })
    await pipelines.remove(caller, `p${i}`)
  }
  expect(rules()).toEqual([])
})

test('the rule of a removed pipeline stays before the runs that it has left', async () => {
  using world = await setUp()
  const { pipelines, caller, put, rules, addRun } = world
  const { pipeline } = await put('p', { rbac: 'Email == "nobody"' })
  await addRun('run_1', pipeline)
  await pipelines.remove(caller, 'p')
  expect(rules()).toEqual([{ expression: 'Email == "nobody"' }])
  expect(await pipelines.runOf(caller, 'run_1')).toBeUndefined()
})

test('a run is shown to a caller who sees its pipeline, and to no other', async () => {
  using world = await setUp()
  const { pipelines, caller, put, addRun } = world
  const { pipeline } = await put('p', { rbac: 'Email == "ada@company.com"' })
  await addRun('run_1', pipeline)
  const seenBy = async (changes: Partial<Principal>) => {
    const other = { ...caller, ...changes }
    const found = (await pipelines.runOf(other, 'run_1'))?.id
    const listed = (await pipelines.runsOf(other, { limit: 10 })).items.map(({ id }) => id)
    return { found, listed }
  }
  const shown = { found: 'run_1', listed: ['run_1'] }
  const nothing = { found: undefined, listed: [] }
  expect(await seenBy({})).toEqual(shown)
  expect(await seenBy({ pipelines: new Set([pipeline.id]) })).toEqual(shown)
  expect(await seenBy({ pipelines: new Set(['pip_other']) })).toEqual(nothing)
  expect(await seenBy({ email: 'eve@company.com' })).toEqual(nothing)
  expect(await seenBy({ tenant: { id: 'ten_other', slug: 'other' } })).toEqual(nothing)
  expect(await pipelines.runOf(caller, 'run_2')).toBeUndefined()
})

test('one that is removed while it is uploaded again does not come back without its rule', async () => {
  const vault = memoryVault()
  const stored = vault.set
  using world = await setUp(undefined, vault)
  const { db, pipelines, caller, put } = world
  const { pipeline } = await put('p', { rbac: 'Email == "nobody"' })
  vault.set = async (place, value) => {
    await stored(place, value)
    await pipelines.remove(caller, 'p')
    // As the vault may be later than the removal.
    await stored(place, value)
  }
  const again = put('p', { secrets: new Map([['KEY', new Secret('value')]]) })
  const error = await again.catch((e: unknown) => e)
  expect(error).toBeInstanceOf(Fault)
  expect(error).toMatchObject({ code: 'conflict', message: 'the pipeline p was removed meanwhile' })
  expect(await db.select().from(table)).toEqual([])
  expect(await vault.list(pipeline.tenantId)).toEqual([])
})

test('a tenant has some hundred different rules, on as many pipelines as it likes', async () => {
  using world = await setUp()
  const { db, vault, pipelines, caller, put, rules } = world
  for (let i = 0; i < MAX_RULES; i++) await put(`p${i}`, { rbac: `Email != "${i}"` })
  const secrets = new Map([['KEY', new Secret('value')]])
  const error = await put('more', { rbac: 'Email != "more"', secrets }).catch((e: unknown) => e)
  expect(error).toMatchObject({
    code: 'conflict',
    message: expect.stringContaining(`${MAX_RULES} different`),
  })
  expect(await pipelines.get(caller, 'more')).toBeUndefined()
  expect(await vault.list(caller.tenant.id)).toEqual([])
  await put('more', { rbac: 'Email != "7"' })
  await put('p0', { rbac: 'Email != "another"' })
  await put('p1', { rbac: '' })
  await put('p1', { rbac: 'Email != "more"' })
  expect(rules()).toHaveLength(MAX_RULES + 1)
  expect(
    await db.select().from(pipelineRules).where(eq(pipelineRules.expression, 'Email != "7"')),
  ).toHaveLength(2)
})
