/** Scripts that are checked again: what was good needs no process, what was refused does. */
import { expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SANDBOX } from '../../../support/sandbox-command.ts'
import { temporaryFolder } from '../../../support/temporary.ts'
import { failure, openHarness, pipeline, TENANT } from '../run-harness.ts'

test('a script that was good is checked again without a process; another text, name or tenant, or a refused one, is not', async () => {
  const file = join(temporaryFolder(), 'starts')
  const sandboxCommand = ['sh', '-c', `echo >> ${file}; exec "$0" "$@"`, ...SANDBOX]
  await using fob = await openHarness({ sandboxCommand })
  const starts = () => (existsSync(file) ? readFileSync(file, 'utf8').length : 0)
  const good = pipeline('console.log(1)')
  for (const name of ['a.ts', 'a.ts', 'a.ts']) await fob.runs.check(TENANT, good, name)
  expect(starts()).toBe(1)
  await fob.runs.check(TENANT, good, 'b.js')
  await fob.runs.check(TENANT, `${good}\n`, 'a.ts')
  await fob.runs.check('ten_2', good, 'a.ts')
  expect(starts()).toBe(4)
  for (let i = 0; i < 2; i++)
    expect(String(await failure(fob.runs.check(TENANT, `${good};;(`, 'a.ts')))).toContain('a.ts:')
  expect(starts()).toBe(6)
})
