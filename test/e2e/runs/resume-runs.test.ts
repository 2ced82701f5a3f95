/** `fob runs resume`, server shutdown in mid-run, and the secrets that `fob pipeline set` lists as needed. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Ended, fob, type Running, start } from '../../support/client/compiled-binary.ts'
import { freePort } from '../../support/free-port.ts'
import { vaultKeyFile } from '../../support/servers/vault-key-file.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const folder = temporaryFolder()
const url = `http://127.0.0.1:${freePort()}`
const file = (name: string) => join(folder, name)
let server: Running

async function begin(): Promise<void> {
  const listen = new URL(url).host
  const env = { FOB_SECRETS_KEY_FILE: vaultKeyFile(folder) }
  server = start(['server', '--listen', listen, '--data', file('data')], { home: folder, env })
  await server.saw('"listening"')
}

const run = (...args: string[]): Promise<Ended> => fob([...args, '-s', url], { home: folder, cwd: folder })
const sh = (name: string, script: string) =>
  `await runtime.run(${JSON.stringify({ name, command: { path: 'sh', args: ['-c', script] } })})`

async function set(name: string, body: string): Promise<Ended> {
  writeFileSync(file(`${name}.ts`), `const pipeline = async () => {\n${body}\n}\nexport { pipeline }\n`)
  return await run('pipeline', 'set', file(`${name}.ts`))
}

beforeAll(begin)
afterAll(async () => {
  server.child.kill('SIGTERM')
  await server.ended
})

describe('runs of the compiled binary', () => {
  test('resume keeps what passed and runs again what failed', async () => {
    await set(
      'flaky',
      `${sh('first', `echo first | tee -a ${file('done')}`)}
       const second = ${sh('second', `echo second | tee -a ${file('done')}; test -e ${file('mended')}`)}
       if (second.code !== 0) throw new Error('not mended')`,
    )
    const failed = await run('pipeline', 'run', 'flaky')
    expect(failed.code).toBe(1)
    const id = /Run (run_\w+)/.exec(failed.err)?.[1] ?? ''
    const again = await run('runs', 'resume', id)
    expect([again.code, again.out]).toEqual([1, 'second\n'])
    writeFileSync(file('mended'), '')
    const ended = await run('runs', 'resume', id)
    expect([ended.code, ended.out]).toEqual([0, 'second\n'])
    expect(ended.err).toContain(`Run ${id}, attempt 3`)
    expect(readFileSync(file('done'), 'utf8')).toBe('first\nsecond\nsecond\nsecond\n')
    expect(failed.err).toContain(`run again what failed with "fob runs resume ${id}"`)
    const shown = await run('runs', 'show', id)
    expect(shown.out).toMatch(/attempt\t3\n/)
    expect(shown.out).toContain('task second\tsuccess, attempt 3\n')
    const late = await run('runs', 'resume', id)
    expect([late.code, late.err]).toEqual([
      expect.any(Number) as number,
      'fob: the run has succeeded: nothing of it is left to run\nhint: start a new run: fob pipeline run flaky\n',
    ])
    expect(late.code).not.toBe(0)
    expect((await run('runs', 'resume', 'run_none')).code).not.toBe(0)
  })

  test('resume says that the source has changed since, and runs it as it was', async () => {
    await set('changed', `console.log('as it was'); throw new Error('no')`)
    const failed = await run('pipeline', 'run', 'changed')
    const id = /Run (run_\w+)/.exec(failed.err)?.[1] ?? ''
    await set('changed', `console.log('mended')`)
    const again = await run('runs', 'resume', id)
    expect([again.code, again.out]).toEqual([1, 'as it was\n'])
    expect(again.err).toStartWith(
      `warning: the source of changed has changed since ${id} was started: attempt 2 runs it as it was then\nhint: run it as it is now with: fob pipeline run changed\nRun `,
    )
    expect((await run('runs', 'logs', id)).err).toContain('attempt 2 runs the source as it was then\n')
    expect((await run('runs', 'show', id, '-o', 'json')).out).toContain('"sourceChanged":true')
  })

  test('again starts a new run with the same input, by the source as it is now; lists are filtered', async () => {
    await set('greet', `console.log('hello', pipelineContext.task); throw new Error('no')`)
    const failed = await run('run', 'greet', '--task', 'ada')
    const id = /Run (run_\w+)/.exec(failed.err)?.[1] ?? ''
    await set('greet', `console.log('welcome', pipelineContext.task)`)
    const again = await run('runs', 'again', id)
    expect([again.code, again.out]).toEqual([0, 'welcome ada\n'])
    expect(again.err).toContain('has changed since')
    const idsOf = async (...filters: string[]) =>
      (await run('runs', 'list', '--pipeline', 'greet', ...filters)).out
        .split('\n')
        .map((row) => row.split('\t')[0])
    const second = /Run (run_\w+)/.exec(again.err)?.[1] ?? ''
    expect(await idsOf()).toEqual([second, id, ''])
    expect(await idsOf('--status', 'failed')).toEqual([id, ''])
    expect(await idsOf('--by', 'schedule')).toEqual([''])
    expect((await run('runs', 'again', 'run_none')).code).toBe(6)
  })

  test('resume runs nothing of a pipeline that is paused or gone', async () => {
    await set('gone', `throw new Error('no')`)
    const failed = await run('pipeline', 'run', 'gone')
    const id = /Run (run_\w+)/.exec(failed.err)?.[1] ?? ''
    await run('pipeline', 'pause', 'gone')
    expect((await run('runs', 'resume', id)).err).toContain('pipeline gone is paused')
    await run('pipeline', 'rm', 'gone')
    expect((await run('runs', 'resume', id)).err).toContain('the pipeline of this run, gone, was removed')
  })

  test('a server that is told to stop leaves its runs to the next one', async () => {
    await set('long', sh('wait', `echo begun; while [ ! -e ${file('go')} ]; do sleep 0.05; done; echo over`))
    const ran = await run('pipeline', 'run', 'long', '--detach', '-o', 'json')
    const id = /run_\w+/.exec(ran.out)?.[0] ?? ''
    const logs = start(['runs', 'logs', id, '-f', '-s', url], { home: folder })
    await logs.saw('begun')
    server.child.kill('SIGTERM')
    expect((await server.ended).code).toBe(0)
    expect(server.err()).toContain('"runs are left to the next server"')
    writeFileSync(file('go'), '')
    await begin()
    const { code, out } = await logs.ended
    expect([code, out]).toEqual([0, 'begun\nover\n'])
    expect((await run('runs', 'show', id)).out).toContain('success')
    expect(existsSync(file('data/runs/' + id))).toBe(false)
  })

  test('pipeline set tells which secrets a pipeline needs, and which are not set', async () => {
    const ended = await set(
      'needy',
      `await runtime.run({ name: 'x', command: { path: 'true' }, env: { A: 'secret:MISSING' } })`,
    )
    expect([ended.code, ended.err]).toEqual([
      0,
      expect.stringContaining(
        'warning: it needs MISSING, which is not set: fob secrets set MISSING --pipeline needy',
      ) as string,
    ])
    const shown = await run('pipeline', 'show', 'needy')
    expect(shown.out).toContain('needs MISSING\tnot set: fob secrets set MISSING --pipeline needy\n')
    const refused = await set(
      'greedy',
      `await runtime.run({ name: 'x', command: { path: 'true' }, env: { A: 'secret:FOB_X' } })`,
    )
    expect([refused.code, refused.err]).toEqual([
      2,
      expect.stringContaining('greedy.ts asks for secret:FOB_X') as string,
    ])
  })
})
