/** `fob pipeline diff`: what it compares, how it shows it, and its exit statuses. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCommandLine } from '../../../../src/cli/run-command-line.ts'
import { fakeDeps } from '../../../support/client/fake-deps.ts'
import { startServer, type TestServer } from '../../../support/servers/test-server.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

const SOURCE = `// deploys
const env = { KEY: 'secret:API_KEY' }
export const pipeline = async () => { console.log('one', Object.keys(env)) }
`
const folder = temporaryFolder()
const file = join(folder, 'deploy.ts')
let server: TestServer

const fob = async (argv: string[], options: { terminal?: boolean; env?: Record<string, string> } = {}) => {
  const deps = fakeDeps({ cwd: folder, ...options })
  const code = await runCommandLine([...argv, '-s', server.url], deps)
  return { code, out: deps.io.out(), err: deps.io.err() }
}
const lines = (word: string) => Array.from({ length: 50_000 }, (_, i) => `// ${word}${i}\n`).join('')
const write = (source: string, name = 'deploy.ts') => writeFileSync(join(folder, name), source)

beforeAll(async () => {
  server = await startServer()
  write(SOURCE)
  const settings = ['--schedule', '0  6 * * 1-5', '--time-zone', 'Europe/Paris', '-e', 'API_KEY=canary-1']
  expect((await fob(['pipeline', 'set', file, '--driver', 'native', ...settings])).code).toBe(0)
})
afterAll(() => server.stop())

describe('fob pipeline diff', () => {
  test('exits 0 and prints nothing where nothing differs', async () => {
    write(SOURCE)
    const same = await fob(['pipeline', 'diff', file])
    expect(same).toEqual({ code: 0, out: '', err: 'no difference: deploy is as it would be set\n' })
    const settings = ['--driver', 'native', '--schedule', '0 6 * * 1-5', '--time-zone', 'Europe/Paris']
    expect((await fob(['pipeline', 'diff', file, ...settings, '-q'])).code).toBe(0)
  })

  test('exits 1 with a unified diff of the source, and the settings that would change', async () => {
    write(SOURCE.replace("'one'", "'two'").replace('secret:API_KEY', 'secret:OTHER'))
    const settings = ['--no-schedule', '--max-runs', '3', '-e', 'NEW=canary-2']
    const { code, out, err } = await fob(['pipeline', 'diff', file, ...settings])
    expect([code, out]).toEqual([
      1,
      `settings of deploy
-concurrency: parallel
+concurrency: parallel, 3 at once
-schedules: 0 6 * * 1-5 (Europe/Paris)
+secrets: NEW
-needs: API_KEY
+needs: OTHER
--- deploy at ${server.url}
+++ deploy.ts
@@ -1,3 +1,3 @@
 // deploys
-const env = { KEY: 'secret:API_KEY' }
-export const pipeline = async () => { console.log('one', Object.keys(env)) }
+const env = { KEY: 'secret:OTHER' }
+export const pipeline = async () => { console.log('two', Object.keys(env)) }
`,
    ])
    expect(err).toBe(
      'deploy differs: source (lines added: 2, removed: 2), concurrency, schedules, secrets, needs\n',
    )
  })

  test('changes nothing, and sends no secret', async () => {
    const before = await fob(['pipeline', 'show', 'deploy', '-o', 'json'])
    write('export const pipeline = () => 1\n')
    const { code, err } = await fob([
      'pipeline',
      'diff',
      file,
      '-e',
      'API_KEY=canary-3',
      '--rbac',
      '',
      '--debug',
    ])
    expect(code).toBe(1)
    expect(err).toContain('API_KEY is set already: it would be set again, and its value is not compared\n')
    expect(err).not.toContain('canary')
    expect(err).not.toContain('PUT')
    expect(await fob(['pipeline', 'show', 'deploy', '-o', 'json'])).toEqual(before)
  })

  test('a pipeline that is not there is new as a whole', async () => {
    write(SOURCE)
    const { code, out, err } = await fob(['pipeline', 'diff', file, 'deploi'])
    expect(code).toBe(1)
    expect(out).toStartWith(
      'settings of deploi\n+file: deploy.ts\n+needs: API_KEY\n--- /dev/null\n+++ deploy.ts\n@@ -0,0 +1,3 @@\n+// deploys\n',
    )
    expect(err).toBe(`there is no pipeline deploi at ${server.url} that you see: all of it is new
hint: did you mean deploy? "fob pipeline list" shows those that you may see
new: source (lines added: 3, removed: 0), file, needs
`)
  })

  test('is an object with -o json, also where nothing differs', async () => {
    write(SOURCE)
    const same = await fob(['pipeline', 'diff', file, '-o', 'json'])
    expect([same.code, JSON.parse(same.out)]).toEqual([
      0,
      {
        name: 'deploy',
        exists: true,
        differs: false,
        source: { differs: false, added: 0, removed: 0, compared: true, diff: '' },
        settings: [],
        secretsSetAgain: [],
      },
    ])
    const other = await fob([
      'pipeline',
      'diff',
      file,
      '-n',
      'deploy',
      '--unset-secret',
      'API_KEY',
      '-o',
      'json',
    ])
    expect([other.code, JSON.parse(other.out)]).toMatchObject([
      1,
      { differs: true, settings: [{ setting: 'secrets', before: ['API_KEY'], after: [] }] },
    ])
  })

  test('has colours at a terminal alone, and none with NO_COLOR', async () => {
    write(SOURCE.replace('deploys', 'ships'))
    const coloured = await fob(['pipeline', 'diff', file], { terminal: true })
    expect(coloured.out).toContain('\u001b[31m-// deploys\u001b[0m\n\u001b[32m+// ships\u001b[0m\n')
    const plain = await fob(['pipeline', 'diff', file], { terminal: true, env: { NO_COLOR: '1' } })
    expect(plain.out).toContain('\n-// deploys\n+// ships\n')
    const piped = await fob(['pipeline', 'diff', file])
    expect(piped.out).toBe(plain.out)
  })

  test('a terminal shows control characters and obeys none of them; a file gets the bytes', async () => {
    write(`${SOURCE.replace('// deploys\n', '// deploys\r\n')}// \u001b[2J\u202e\u009b1mx\ty\u0007\n`)
    const shown = await fob(['pipeline', 'diff', file], { terminal: true, env: { NO_COLOR: '1' } })
    expect(shown.out).toContain('\n+// deploys␍\n')
    expect(shown.out).toContain('\n+// ␛[2J<U+202E><U+009B>1mx\ty␇\n')
    const piped = await fob(['pipeline', 'diff', file])
    expect(piped.out).toContain('\n+// \u001b[2J\u202e\u009b1mx\ty\u0007\n')
  })

  test('two sources of 50,000 lines without one in common are shown one after the other', async () => {
    write(`${lines('a')}export const pipeline = () => 1\n`, 'large.ts')
    expect((await fob(['pipeline', 'set', join(folder, 'large.ts')])).code).toBe(0)
    write(`${lines('b')}export const pipeline = () => 1\n`, 'large.ts')
    const { code, err } = await fob(['pipeline', 'diff', join(folder, 'large.ts')])
    expect([code, err]).toEqual([
      1,
      'the two sources have little in common, and are shown one after the other\nlarge differs: source (lines added: 50000, removed: 50000)\n',
    ])
  })

  test.each<[string, string[], number, string]>([
    ['a file that is not there', ['none.ts'], 2, 'none.ts'],
    ['two names', ['deploy.ts', 'one', '-n', 'other'], 2, 'the pipeline is called one and, by --name, other'],
    ['a flag that set does not know', ['deploy.ts', '--paused'], 2, '--paused'],
    [
      'a secret that is not there',
      ['deploy.ts', '--unset-secret', 'NONE'],
      6,
      'has no secret NONE to be removed',
    ],
    [
      'a secret to set and to remove',
      ['deploy.ts', '-e', 'A=1', '--unset-secret', 'A'],
      2,
      'A is to be set and to be removed',
    ],
  ])('%s is an error with another exit status', async (_name, args, code, message) => {
    write(SOURCE)
    const result = await fob([
      'pipeline',
      'diff',
      ...args.map((arg) => (arg.endsWith('.ts') ? join(folder, arg) : arg)),
    ])
    expect([result.code, result.out]).toEqual([code, ''])
    expect(result.err).toContain(message)
  })

  test('a server that asks to slow down has not said that something differs', async () => {
    await using busy = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: () => Response.json({ error: 'rate_limited' }, { status: 429 }),
    })
    const deps = fakeDeps({ cwd: folder })
    expect(await runCommandLine(['pipeline', 'diff', file, '-s', busy.url.origin], deps)).toBe(7)
  })
})
