import { expect, test } from 'bun:test'
import { Secret } from '../../../src/redact/secret.ts'
import { neededSecrets, refuseReservedSecrets } from '../../../src/server/runs/needs.ts'
import type { SecretScope } from '../../../src/server/vault/vault.ts'
import { memoryVault } from '../../support/memory-vault.ts'

test('what a script needs is listed with the scope in which a run would find it', async () => {
  const vault = memoryVault()
  const set = (scope: SecretScope, key: string, tenantId = 'ten_1') =>
    vault.set({ tenantId, scope, key }, new Secret('value'))
  await set('pipeline/pip_1', 'OWN')
  await set('global', 'OWN')
  await set('global', 'SHARED')
  await set('server', 'ROOT', '')
  await set('pipeline/pip_2', 'FOREIGN')
  await set('run/run_1', 'HANDED_IN')
  const source = `x('secret:OWN', 'secret:SHARED', 'secret:FOREIGN', 'secret:HANDED_IN', 'secret:OWN')`
  expect(await neededSecrets(source, { vault, tenantId: 'ten_1', pipelineId: 'pip_1' })).toEqual([
    { key: 'OWN', scope: 'pipeline' },
    { key: 'SHARED', scope: 'global' },
    { key: 'FOREIGN', scope: null },
    { key: 'HANDED_IN', scope: null },
  ])
})

test("a script that asks for the server's own secrets is refused", () => {
  expect(() => refuseReservedSecrets(`env: { A: 'secret:FOB_KEY' }`, 'deploy.ts')).toThrow(
    "deploy.ts asks for secret:FOB_KEY, and FOB_* is the server's own",
  )
  expect(() => refuseReservedSecrets(`// 'secret:FOB_KEY'`, 'deploy.ts')).not.toThrow()
})
