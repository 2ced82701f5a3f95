import { expect, test } from 'bun:test'
import { openAccounts } from '../../../src/server/accounts/accounts.ts'
import { openDatabase } from '../../../src/server/db/open.ts'
import { openPipelines } from '../../../src/server/pipelines/pipelines.ts'
import { openRbac } from '../../../src/server/rbac/rbac.ts'
import { memoryVault } from '../../support/memory-vault.ts'
import { principal } from '../../support/principal.ts'

test('a list of pipelines does not read their sources', async () => {
  const { db, close } = openDatabase(':memory:')
  const clock = { now: () => 1_700_000_000_000, sleep: () => Promise.resolve() }
  const accounts = await openAccounts({ db, clock, onCredentialsChanged: () => Promise.resolve() })
  const pipelines = openPipelines({
    db,
    clock,
    vault: memoryVault(),
    rbac: await openRbac(undefined),
    runs: { hold() {}, withdraw() {} },
  })
  const caller = principal({ tenant: accounts.defaultTenant() })
  const made = { filename: 'p.ts', driver: 'native', secrets: new Map(), unsetSecrets: [] }
  await pipelines.put(caller, { ...made, name: 'p', source: 'the source' })
  const { items } = await pipelines.list(caller, { limit: 10 })
  expect(items).toHaveLength(1)
  expect(items[0]).toMatchObject({ name: 'p', filename: 'p.ts', driver: 'native', paused: false })
  expect(items[0]).not.toHaveProperty('source')
  expect((await pipelines.get(caller, 'p'))?.source).toBe('the source')
  close()
})
