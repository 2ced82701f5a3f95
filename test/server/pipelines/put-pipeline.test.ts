/** Uploads of a pipeline: source, rule, schedules and audit entry are stored together or not at all. */
import { describe, expect, test } from 'bun:test'
import { openAccounts } from '../../../src/server/accounts/accounts.ts'
import { openAudit } from '../../../src/server/audit/audit.ts'
import { openDatabase } from '../../../src/server/db/open-database.ts'
import { jsonLog } from '../../../src/server/log.ts'
import { openPipelines } from '../../../src/server/pipelines/pipelines.ts'
import type { PutPipeline } from '../../../src/server/pipelines/put-pipeline.ts'
import { openRbac } from '../../../src/server/access-rules/access-rules.ts'
import { openSchedules } from '../../../src/server/triggers/schedules.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { memoryVault } from '../../support/servers/memory-vault.ts'
import { principal } from '../../support/servers/principal.ts'
import { putBy } from '../../support/servers/put-by.ts'

const at = (cron: string) => ({ cron, timeZone: 'UTC', catchUp: false })

/** The pipelines of one tenant, with the real schedules and the real audit log on one database. */
async function setUp() {
  const { db, close } = openDatabase(':memory:')
  const clock = manualClock(1_700_000_000_000)
  const accounts = await openAccounts({ db, clock, onCredentialsChanged: () => Promise.resolve() })
  const audit = openAudit({ db, clock })
  const log = jsonLog(() => {}, clock.now)
  const noRuns = {} as Parameters<typeof openSchedules>[0]['runs']
  const schedules = openSchedules({ db, clock, log, audit, runs: noRuns })
  const pipelines = openPipelines({
    db,
    clock,
    vault: memoryVault(),
    rbac: await openRbac(undefined),
    audit,
    runs: {
      check: async () => {},
      checkDriver: async () => {},
      get: async () => undefined,
      list: async () => ({ items: [], next: null }),
      hold() {},
      withdraw() {},
    },
    schedules,
    defaultDriver: 'native',
  })
  const caller = principal({ tenant: accounts.defaultTenant() })
  const put = (given: Partial<PutPipeline>) =>
    pipelines.put(putBy(caller), {
      name: 'p',
      filename: 'p.ts',
      source: 'old',
      secrets: new Map(),
      ...given,
    })
  /** What is stored of the pipeline, and what is on record of it. */
  const stored = async () => {
    const pipeline = await pipelines.get(caller, 'p')
    const entries = await audit.list(caller.tenant.id, { limit: 10 })
    return {
      source: pipeline?.source,
      rule: pipeline && (await pipelines.rule(pipeline)),
      schedules: pipeline && (await schedules.of(pipeline.id)).map(({ cron }) => cron),
      audited: entries.items.map(({ details }) => JSON.parse(details) as unknown),
    }
  }
  return {
    db,
    put,
    stored,
    async [Symbol.asyncDispose]() {
      await schedules.close()
      close()
    },
  }
}

const OLD = { source: 'old', rbac: 'Email != "old"', schedules: [at('0 1 * * *'), at('0 2 * * *')] }
const NEW = { source: 'new', rbac: 'Email != "new"', schedules: [at('0 3 * * *')] }

test('source, rule, schedules and the audit entry are stored by one call', async () => {
  await using world = await setUp()
  const { created } = await world.put(OLD)
  expect(created).toBe(true)
  await world.put(NEW)
  expect(await world.stored()).toEqual({
    source: 'new',
    rule: 'Email != "new"',
    schedules: ['0 3 * * *'],
    audited: [
      { created: false, schedules: 1, rule: 'Email != "new"' },
      { created: true, schedules: 2, rule: 'Email != "old"' },
    ],
  })
})

test('what is not sent stays as it was', async () => {
  await using world = await setUp()
  await world.put(OLD)
  await world.put({ source: 'new' })
  expect(await world.stored()).toMatchObject({
    source: 'new',
    rule: 'Email != "old"',
    schedules: ['0 1 * * *', '0 2 * * *'],
  })
})

describe.each(['pipeline_rules', 'pipeline_schedules', 'audit_entries'])(
  'when the write to %s breaks in between',
  (table) => {
    test('the old source, rule and schedules are all still there', async () => {
      await using world = await setUp()
      await world.put(OLD)
      const before = await world.stored()
      world.db.$client.run(`CREATE TEMP TRIGGER broken BEFORE INSERT ON main.${table}
        BEGIN SELECT RAISE(ABORT, 'broken in between'); END`)
      await expect(world.put(NEW)).rejects.toThrow('broken in between')
      expect(await world.stored()).toEqual(before)
    })

    test('a pipeline that was to be created is not there at all', async () => {
      await using world = await setUp()
      world.db.$client.run(`CREATE TEMP TRIGGER broken BEFORE INSERT ON main.${table}
        BEGIN SELECT RAISE(ABORT, 'broken in between'); END`)
      await expect(world.put(NEW)).rejects.toThrow('broken in between')
      expect(await world.stored()).toEqual({
        source: undefined,
        rule: undefined,
        schedules: undefined,
        audited: [],
      })
    })
  },
)
