/** `fob pipeline exec` and `check`: pipelines on this machine, without a server. */
import { expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fob } from '../../support/client/compiled-binary.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const EXAMPLES = resolve(import.meta.dir, '../../../examples')
const left = () => readdirSync(tmpdir()).filter((name) => /^fob-(exec|check)-/.test(name))

test('a pipeline runs here with secrets from a file, redacts them, and leaves nothing behind', async () => {
  const before = left()
  const secrets = join(temporaryFolder(), 'secrets.env')
  writeFileSync(secrets, 'API_KEY=sk-live-abc123\nREGISTRY_TOKEN=ghp-abc123\n')
  const file = join(EXAMPLES, 'both/secrets-basic.ts')
  const { code, out, err } = await fob(['pipeline', 'exec', file, '--secret-file', secrets])
  expect([code, out]).toEqual([
    0,
    'api key: ***REDACTED***, registry token: ***REDACTED***\nit printed: api key: ***REDACTED***, registry token: ***REDACTED***\n',
  ])
  expect(err).toBe('▶ show\n✓ show\n✓ the run succeeded\n')
  const failed = await fob(['pipeline', 'exec', file])
  expect([failed.code, failed.err]).toEqual([
    1,
    expect.stringContaining('warning: secrets API_KEY, REGISTRY_TOKEN are not set') as string,
  ])
  expect(failed.err).toContain('server; add it to the file of --secret-file\n')
  expect(left()).toEqual(before)
})

test('a check lists the secrets, compares them with a file, and checks types with the tsc in PATH', async () => {
  const folder = temporaryFolder()
  const file = join(folder, 'deploy.ts')
  const compiler = resolve(EXAMPLES, '../node_modules/.bin')
  const env = { PATH: `${compiler}:${process.env.PATH}` }
  const check = (...args: string[]) => fob(['pipeline', 'check', file, '-o', 'json', ...args], { env })
  writeFileSync(
    file,
    `export const pipeline = () => runtime.run({ name: 1, image: 'x', command: { path: 'true' }, env: { A: 'secret:API_KEY' } })\n`,
  )
  const wrong = await check()
  expect([wrong.code, JSON.parse(wrong.out)]).toMatchObject([
    1,
    [
      { id: 'source', ok: true },
      { id: 'secrets', ok: true, detail: 'it names API_KEY' },
      {
        id: 'types',
        ok: false,
        problem: expect.stringMatching(/^deploy\.ts:1:\d+: error TS2322: /) as string,
      },
    ],
  ])
  writeFileSync(join(folder, 'secrets.env'), 'OTHER=value\n')
  const missing = await check('--secret-file', join(folder, 'secrets.env'))
  expect([missing.code, missing.out]).toEqual([1, expect.stringContaining('does not have API_KEY') as string])
  writeFileSync(file, 'export const pipeline = ;\n')
  const unread = await fob(['pipeline', 'check', file])
  expect([unread.code, unread.out, unread.err]).toEqual([
    2,
    '',
    expect.stringContaining('deploy.ts:1:25: ') as string,
  ])
})

test('a check runs no program that came with the file', async () => {
  const folder = temporaryFolder()
  const bin = join(folder, 'node_modules/.bin')
  mkdirSync(bin, { recursive: true })
  const ran = join(folder, 'ran')
  writeFileSync(join(bin, 'tsc'), `#!/bin/sh\ntouch '${ran}'\n`, { mode: 0o755 })
  writeFileSync(join(folder, 'deploy.ts'), 'export const pipeline = () => {}\n')
  const args = ['pipeline', 'check', join(folder, 'deploy.ts'), '-o', 'json']
  const { code, out } = await fob(args, { cwd: folder, env: { PATH: 'node_modules/.bin::/nonexistent' } })
  expect([code, JSON.parse(out)]).toMatchObject([0, [{}, {}, { id: 'types', ok: null }]])
  expect(existsSync(ran)).toBe(false)
})
