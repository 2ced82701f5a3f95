/** `fob runs resume` and `fob runs again` of a run whose pipeline was set again since: what is said, and which source runs. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCommandLine } from '../../../../src/cli/run-command-line.ts'
import { fakeDeps } from '../../../support/client/fake-deps.ts'
import { startServer, type TestServer } from '../../../support/servers/test-server.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

const folder = temporaryFolder()
const file = join(folder, 'deploy.ts')
let server: TestServer

const fob = async (...argv: string[]) => {
  const deps = fakeDeps({ cwd: folder })
  const code = await runCommandLine([...argv, '-s', server.url], deps)
  return { code, out: deps.io.out(), err: deps.io.err() }
}
const source = (word: string) =>
  `export const pipeline = async () => { console.log('${word}'); throw new Error('fails') }\n`
const set = async (word: string) => {
  writeFileSync(file, source(word))
  expect((await fob('pipeline', 'set', file)).code).toBe(0)
}
const failedRun = async () => {
  const { err } = await fob('pipeline', 'run', 'deploy')
  return /Run (run_\w+)/.exec(err)?.[1] ?? ''
}
const record = async (id: string) => JSON.parse((await fob('runs', 'show', id, '-o', 'json')).out) as object
const page = (id: string) => fetch(`${server.url}/runs/${id}`).then((response) => response.text())

beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.stop())

describe('resume', () => {
  test('says nothing of the source where that is as it was', async () => {
    await set('one')
    const id = await failedRun()
    expect(await record(id)).toMatchObject({ sourceChanged: false })
    expect(await page(id)).not.toContain('The source of')
    const { err } = await fob('runs', 'resume', id)
    expect(err).not.toContain('the source of')
    const { out } = await fob('runs', 'resume', id, '--detach', '-o', 'json')
    expect(JSON.parse(out)).toEqual({ id, attempt: 3, sourceChanged: false })
  })

  test('says before it starts, in the log, on the page and in JSON that the source has changed, and runs that of then', async () => {
    await set('one')
    const id = await failedRun()
    await set('two')
    expect(await record(id)).toMatchObject({ sourceChanged: true })
    expect((await fob('runs', 'show', id)).out).toContain('source\tof the pipeline: changed since then\n')
    expect(await page(id)).toContain('The source of deploy has changed since this run was started')
    const { out, err } = await fob('runs', 'resume', id)
    expect(out).toBe('one\n')
    const words = `warning: the source of deploy has changed since ${id} was started: attempt 2 runs it as it was then
hint: run it as it is now with: fob pipeline run deploy
Run ${id}, attempt 2
warning: the source of deploy has changed since this run was started; attempt 2 runs the source as it was then\n`
    expect(err).toStartWith(words)
    const detached = await fob('runs', 'resume', id, '--detach', '-o', 'json')
    expect(JSON.parse(detached.out)).toEqual({ id, attempt: 3, sourceChanged: true })
    await set('one')
    expect(await record(id)).toMatchObject({ sourceChanged: false })
  })

  test('a run whose pipeline was removed has nothing to be compared with', async () => {
    await set('one')
    const id = await failedRun()
    expect((await fob('pipeline', 'rm', 'deploy', '--yes')).code).toBe(0)
    expect(await record(id)).toMatchObject({ sourceChanged: null })
    expect((await fob('runs', 'resume', id)).err).toContain('the pipeline of this run, deploy, was removed')
  })
})

describe('again', () => {
  test('starts a new run with the same input and the source of now, and says that this has changed', async () => {
    await set('one')
    const { err: first } = await fob(
      'pipeline',
      'run',
      'deploy',
      'a',
      'b c',
      '--task',
      'go',
      '--timeout',
      '5m',
    )
    const id = /Run (run_\w+)/.exec(first)?.[1] ?? ''
    const same = await fob('runs', 'again', id)
    expect([same.code, same.out]).toEqual([1, 'one\n'])
    expect(same.err).not.toContain('has changed')
    await set('two')
    const changed = await fob('runs', 'again', id.slice(0, 20))
    expect(changed.out).toBe('two\n')
    expect(changed.err).toStartWith(
      `the source has changed since ${id} was started: this run has it as it is now\nRun run_`,
    )
    const { out } = await fob('runs', 'again', id, '--detach', '-o', 'json')
    const started = JSON.parse(out) as { id: string; repeats: string; sourceChanged: boolean }
    expect(started).toMatchObject({ repeats: id, sourceChanged: true })
    const input = { args: ['a', 'b c'], task: 'go', timeoutMs: 300_000, repeats: id }
    expect(await record(started.id)).toMatchObject({ ...input, origin: { kind: 'cli' } })
    await fob('runs', 'logs', started.id, '-f')
  })

  test('of a run that is not there is refused', async () => {
    const { code, err } = await fob('runs', 'again', `run_${'0'.repeat(32)}`)
    expect([code, err]).toEqual([6, expect.stringContaining('run not found')])
  })
})
