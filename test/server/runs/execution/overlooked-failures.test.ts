/** A run whose task failed without the script looking: it fails at its end and names the task. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { RunEvent } from '../../../../src/contract/run-events.ts'
import { fakeDriver } from '../fake-driver.ts'
import { type Harness, openHarness, pipeline, sh, TENANT } from '../run-harness.ts'

const EXIT_3 = `{ name: 'deploy', command: { path: 'sh', args: ['-c', 'exit 3'] } }`
const OVERLOOKED = 'task deploy ended with exit code 3, and the pipeline did not look at it'
const HOW =
  'read "code" or "status" of the result, or write "allowFailure: true" where the failure is meant\n'

let harness: Harness
beforeAll(async () => {
  harness = await openHarness({ holdsSpareSandbox: true })
})
afterAll(async () => await harness[Symbol.asyncDispose]())

describe('a task that fails, and nobody looks', () => {
  test('fails the run at its end, and says which task, why and where', async () => {
    const { record, text } = await harness.run(
      `export const pipeline = async () => {\n  await runtime.run(${EXIT_3})\n  console.log('on')\n}\n`,
    )
    expect([record.status, record.message]).toEqual(['failed', OVERLOOKED])
    expect([text('stdout'), text('stderr')]).toEqual(['on\n', `deploy.ts:2:17: ${HOW}`])
  })

  test.each([
    ['is not waited for', `runtime.run(${EXIT_3})`],
    ['is read for its output alone', `const { stdout } = await runtime.run(${EXIT_3}); console.log(stdout)`],
    ['is printed as a whole', `console.log(await runtime.run(${EXIT_3}))`],
    ['has its fields listed', `Object.keys(await runtime.run(${EXIT_3}))`],
    ['is one of several', `await Promise.all([runtime.run(${EXIT_3}), ${sh('true')}])`],
    ['is said not to be allowed to', `await runtime.run({ ...${EXIT_3}, allowFailure: false })`],
    [
      'runs in a sandbox',
      `const box = await runtime.startSandbox({ name: 'deploy' })
       await box.exec({ command: { path: 'sh', args: ['-c', 'exit 3'] } })`,
    ],
  ])('whose result %s', async (_how, body) => {
    const { record } = await harness.run(pipeline(body))
    expect([record.status, record.message]).toEqual(['failed', OVERLOOKED])
  })

  test('that never starts, and one that runs out of time', async () => {
    const { record } = await harness.run(
      pipeline(`await runtime.run({ name: 'a', command: { path: 'no-such-program-here' } })
        await runtime.run({ name: 'b', command: { path: 'sleep', args: ['60'] }, timeout: 50 })`),
    )
    expect([record.status, record.message]).toEqual([
      'failed',
      'task a did not start, task b was aborted, and the pipeline did not look at them',
    ])
  })

  test('many of them are counted after the first five', async () => {
    const { record } = await harness.run(
      pipeline(`for (const n of [1, 2, 3, 4, 5, 6, 7])
        await runtime.run({ name: 'n' + n, command: { path: 'false' } })`),
    )
    expect(record.message).toEndWith(
      'task n5 ended with exit code 1, 2 more failed, and the pipeline did not look at them',
    )
  })

  test('its name is redacted in the message', async () => {
    await harness.secret('TOKEN', 'canary-of-a-name')
    const { record } = await harness.run(
      pipeline(
        `await runtime.run({ name: 'for canary-of-a-name', env: { T: 'secret:TOKEN' }, command: { path: 'false' } })`,
      ),
    )
    expect(record.message).toStartWith('task for ***REDACTED*** ended with exit code 1')
  })

  test('a script that throws tells why it threw', async () => {
    const { record } = await harness.run(pipeline(`await runtime.run(${EXIT_3}); throw new Error('mine')`))
    expect(record.message).toEndWith(': Error: mine')
  })
})

describe('a task that fails and was looked at leaves the run a success', () => {
  test.each([
    ['its code is read', `const { code } = await runtime.run(${EXIT_3}); console.log(code)`],
    ['its status is read', `if ((await runtime.run(${EXIT_3})).status === 'success') console.log('?')`],
    ['it is copied', `console.log({ ...(await runtime.run(${EXIT_3})) }.stdout)`],
    ['it becomes JSON', `JSON.stringify(await runtime.run(${EXIT_3}))`],
    [
      'it is read later',
      `const r = await runtime.run(${EXIT_3}); ${sh('true')}; setTimeout(() => r.code, 1); await sleep(20)`,
    ],
    ['its failure is allowed', `await runtime.run({ ...${EXIT_3}, allowFailure: true })`],
    [
      'its failure is allowed in a sandbox',
      `const box = await runtime.startSandbox({ name: 'box' })
       await box.exec({ command: { path: 'false' }, allowFailure: true })`,
    ],
  ])('%s', async (_how, body) => {
    const { record } = await harness.run(pipeline(body))
    expect([record.status, record.message]).toEqual(['success', null])
  })

  test('its result prints, compares and can be changed as any other', async () => {
    const { record, text } = await harness.run(
      pipeline(`const result = await runtime.run(${EXIT_3})
        assert.deepEqual(Object.keys(result).sort(), ['code', 'endedAt', 'startedAt', 'status', 'stderr', 'stdout', 'truncated'])
        result.extra = 1
        console.log(result.code, 'extra' in result, result)
        assert.deepEqual({ ...result, startedAt: '', endedAt: '' }, { code: 3, status: 'failure', stdout: '', stderr: '',
          truncated: false, extra: 1, startedAt: '', endedAt: '' })`),
    )
    expect(record.message).toBeNull()
    expect(text('stdout')).toContain('3 true {\n')
    expect(text('stdout')).toContain('"code": 3,')
  })

  test('allowFailure is true or false', async () => {
    const { record } = await harness.run(pipeline(`await runtime.run({ ...${EXIT_3}, allowFailure: 'yes' })`))
    expect(record.message).toContain('runtime.run: allowFailure')
  })
})

const begun = (name: string) => (event: RunEvent) =>
  event.type === 'task' && event.data.status === 'running' && event.data.name === name

async function seen(own: Harness, id: string, isWanted: (event: RunEvent) => boolean): Promise<void> {
  for await (const event of own.runs.events(TENANT, id, 0, AbortSignal.timeout(20_000))) {
    if (isWanted(event)) return
  }
  throw new Error('it never came')
}

describe('the judgement is the same', () => {
  const body = pipeline(`
    const a = await runtime.run({ name: 'a', command: { path: 'a' } })
    const b = await runtime.run({ name: 'b', command: { path: 'b' } })
    await runtime.run({ name: 'c', command: { path: 'c' } })
    if (pipelineContext.args[0] === 'look') a.code
    b.status`)
  async function interrupted(args: string[], end: (driver: ReturnType<typeof fakeDriver>) => void) {
    const driver = fakeDriver()
    const first = await openHarness({ drivers: [driver] })
    const named = { id: 'pip_1', name: 'deploy', filename: 'deploy.ts', source: body, driver: 'fake' }
    const id = await first.start(body, { pipeline: named, args })
    await seen(first, id, begun('a'))
    driver.end('a', 1)
    await seen(first, id, begun('b'))
    driver.end('b', 2)
    await seen(first, id, begun('c'))
    await first.runs.close()
    first.database.close()
    const second = await openHarness({ dataDir: first.dataDir, vault: first.vault, drivers: [driver] })
    end(driver)
    return { own: second, id, driver, ended: await second.ended(id) }
  }

  test('after a restart of the server between the failure and the end', async () => {
    const looked = await interrupted(['look'], (driver) => driver.end('c'))
    expect([looked.ended.record.status, looked.driver.begun]).toEqual(['success', ['a', 'b', 'c']])
    await looked.own[Symbol.asyncDispose]()
    const { own, ended } = await interrupted([], (driver) => driver.end('c'))
    expect([ended.record.status, ended.record.message]).toEqual([
      'failed',
      'task a ended with exit code 1, and the pipeline did not look at it',
    ])
    await own[Symbol.asyncDispose]()
  })

  test('in the next attempt, where the failed task runs again', async () => {
    const { own, id, driver, ended } = await interrupted([], (fake) => fake.end('c'))
    expect(ended.record.status).toBe('failed')
    await own.runs.resume(TENANT, id, 'ada')
    const running = (name: string, times: number) => async () => {
      await seen(own, id, () => driver.begun.filter((n) => n === name).length === times)
      driver.end(name, name === 'b' ? 2 : 0)
    }
    await running('a', 2)()
    await running('b', 2)()
    const { record } = await own.ended(id)
    expect([record.status, record.message]).toEqual(['success', null])
    expect(driver.begun).toEqual(['a', 'b', 'c', 'a', 'b'])
    await own[Symbol.asyncDispose]()
  })
})
