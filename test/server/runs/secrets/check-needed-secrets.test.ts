/** The secrets that a script names: listed with their scope, or refused before the run. */
import { expect, test } from 'bun:test'
import { Secret } from '../../../../src/redact/secret.ts'
import {
  neededSecrets,
  refuseEmptyReferences,
  refuseReservedSecrets,
} from '../../../../src/server/runs/secrets/check-needed-secrets.ts'
import type { SecretScope } from '../../../../src/server/vault/vault-interface.ts'
import { memoryVault } from '../../../support/servers/memory-vault.ts'

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

const check = (source: string) => () => refuseEmptyReferences(source, 'deploy.ts')

test('a field that names a secret without a name is refused where it stands', () => {
  expect(check(`run({\n  env: { N: 'secret:' } })`)).toThrow('deploy.ts:2:13: secret: names no secret')
  expect(check('run({ env: { N: `secret:`, M: 1 } })')).toThrow('deploy.ts:1:17: secret: names no secret')
  for (const source of [
    `env: { A: 'secret:' + name }`,
    `env: { A: ['secret:', name].join('') }`,
    `const prefix = 'secret:'`,
    `// env: { N: 'secret:' }`,
    `"env: { N: 'secret:' }"`,
  ]) {
    expect(check(source)).not.toThrow()
  }
})
