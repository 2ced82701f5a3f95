/** Replay of a script after its server or sandbox died, and resumed runs: no task twice, no line lost. */
import { describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'
import type { RunEvent } from '../../../../src/contract/run-events.ts'
import { runs } from '../../../../src/server/db/schema.ts'
import { runAnswers, runScripts } from '../../../../src/server/db/run-journal-schema.ts'
import { attemptsOf } from '../../../../src/server/runs/journal/run-attempts.ts'
import { SANDBOX } from '../../../support/sandbox-command.ts'
import { memoryVault } from '../../../support/servers/memory-vault.ts'
import { type FakeDriver, fakeDriver } from '../fake-driver.ts'
import { failure, type Harness, openHarness, pipeline, type StartOptions, TENANT } from '../run-harness.ts'

/** `runtime.run` of the fake driver's task `name`. */
const task = (name: string, args: string[] = [], env = {}) =>
  `runtime.run(${JSON.stringify({ name, command: { path: name, args }, env })})`

async function begin(own: Harness, source: string, more: StartOptions = {}): Promise<string> {
  const named = { id: 'pip_1', name: 'deploy', filename: 'deploy.ts', source, driver: 'fake' }
  return await own.start(source, { pipeline: named, ...more })
}

/** Waits for an event that is wanted. */
async function seen(own: Harness, id: string, isWanted: (event: RunEvent) => boolean): Promise<void> {
  for await (const event of own.runs.events(TENANT, id, 0, AbortSignal.timeout(10_000))) {
    if (isWanted(event)) return
  }
  throw new Error('it never came')
}

const hasBegun =
  (...names: string[]) =>
  (event: RunEvent) => {
    if (event.type === 'task' && event.data.status === 'running')
      names = names.filter((n) => n !== event.data.name)
    return names.length === 0
  }
const says = (text: string) => (event: RunEvent) => event.type === 'log' && event.data.data.includes(text)

/** The server goes, and another one comes. */
async function restart(own: Harness, driver: FakeDriver): Promise<Harness> {
  await own.runs.close()
  own.database.close()
  return await openHarness({ dataDir: own.dataDir, vault: own.vault, drivers: [driver] })
}

const waiting = (what: string) =>
  pipeline(`await ${task('a', [what])}\nconsole.log('behind'); await sleep(60000)`)

describe('a run whose server went away', () => {
  test('goes on where it was: no task runs twice, no line is lost or doubled', async () => {
    const driver = fakeDriver()
    const first = await openHarness({ drivers: [driver] })
    const id = await begin(
      first,
      pipeline(`
        console.log('begin', Math.random())
        const a = await ${task('a')}
        console.log('a said', JSON.stringify(a.stdout), a.code, Date.now(), a.startedAt, a.endedAt)
        const [b, c] = await Promise.all([${task('b')}, ${task('c')}])
        console.log('b said', JSON.stringify(b.stdout), 'c said', JSON.stringify(c.stderr), c.code)`),
    )
    await seen(first, id, hasBegun('a'))
    driver.say('a', 'one\n')
    driver.end('a')
    await seen(first, id, hasBegun('b', 'c'))
    driver.say('b', 'half a li')
    driver.say('c', 'err 1\n', 'stderr')
    await seen(first, id, says('err 1'))
    await seen(first, id, says('half'))
    const before = await first.runs.get(TENANT, id)

    const second = await restart(first, driver)
    driver.say('b', 'ne\n')
    driver.say('c', 'err 2\n', 'stderr')
    await seen(second, id, says('err 2'))
    await using third = await restart(second, driver)
    driver.end('b')
    driver.end('c', 3)
    const { record, text, events } = await third.ended(id)
    expect([record.status, record.message, record.startedAt]).toEqual([
      'success',
      null,
      before?.startedAt ?? 0,
    ])
    expect(driver.begun).toEqual(['a', 'b', 'c'])
    expect([text('stdout', 'a'), text('stdout', 'b'), text('stderr', 'c')]).toEqual([
      'one\n',
      'half a line\n',
      'err 1\nerr 2\n',
    ])
    const lines = text('stdout').split('\n')
    expect(lines.length).toBe(4)
    expect(lines[0]).toMatch(/^begin 0\.\d+$/)
    expect(lines[1]).toStartWith('a said "one\\n" 0 ')
    expect(lines[2]).toBe('b said "half a line\\n" c said "err 1\\nerr 2\\n" 3')
    expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => index + 1))
    expect(record.tasks.map(({ number, name, code }) => [number, name, code])).toEqual([
      [1, 'a', 0],
      [2, 'b', 0],
      [3, 'c', 3],
    ])
  })

  test('a task of which nothing is left is run again, and the log says so', async () => {
    const driver = fakeDriver()
    const first = await openHarness({ drivers: [driver] })
    const id = await begin(first, pipeline(`console.log((await ${task('a')}).stdout)`))
    await seen(first, id, hasBegun('a'))
    driver.say('a', 'first try\n')
    await seen(first, id, says('first try'))
    driver.forget('a')
    await using second = await restart(first, driver)
    await seen(second, id, says('it is run again from its beginning'))
    await seen(second, id, () => driver.begun.length === 2)
    driver.say('a', 'second try\n')
    driver.end('a')
    const { text, record } = await second.ended(id)
    expect([record.status, record.tasks.length]).toEqual(['success', 1])
    expect(text('stdout', 'a')).toBe('first try\nsecond try\n')
    expect(text('stdout')).toBe('second try\n\n')
  })

  test('a task whose end was recorded and whose answer was not is not run again', async () => {
    const driver = fakeDriver(true)
    const first = await openHarness({ drivers: [driver] })
    const id = await begin(
      first,
      pipeline(`const a = await ${task('a', ['x'])}; console.log(JSON.stringify(a)); await sleep(60000)`),
    )
    await seen(first, id, says('startedAt'))
    await first.database.db.delete(runAnswers).where(eq(runAnswers.runId, id))
    await using second = await restart(first, driver)
    await seen(second, id, (event) => event.type === 'task' && event.data.status === 'success')
    const poll = async () => (await second.database.db.select().from(runAnswers)).length
    for (const until = Date.now() + 5000; (await poll()) === 0 && Date.now() < until;) await Bun.sleep(10)
    const [answer] = await second.database.db.select().from(runAnswers)
    expect(JSON.parse(answer?.json ?? '')).toMatchObject({
      status: 'success',
      code: 0,
      stdout: 'x\n',
      stderr: '',
    })
    expect(driver.begun).toEqual(['a'])
  })

  test('one that goes another way than the record is ended, and says where', async () => {
    const driver = fakeDriver(true)
    const first = await openHarness({ drivers: [driver] })
    const id = await begin(first, waiting('x'))
    await seen(first, id, says('behind'))
    await first.database.db
      .update(runScripts)
      .set({ source: Bun.zstdCompressSync(waiting('y')) })
      .where(eq(runScripts.runId, id))
    await using second = await restart(first, driver)
    const { record } = await second.ended(id)
    expect([record.status, record.message]).toEqual([
      'failed',
      'the replay went another way at call 1: recorded is runtime.run, the script asks for something else (runtime.run)',
    ])
    expect(driver.begun).toEqual(['a'])
  })

  test('one that does not make a recorded call any more is ended', async () => {
    const driver = fakeDriver(true)
    const first = await openHarness({ drivers: [driver] })
    const id = await begin(
      first,
      pipeline(`await ${task('a')}; await ${task('b')}\nconsole.log('behind'); await sleep(60000)`),
    )
    await seen(first, id, says('behind'))
    await first.database.db
      .update(runScripts)
      .set({
        source: Bun.zstdCompressSync(pipeline(`await ${task('a')}; await new Promise(() => sleep(1))`)),
      })
      .where(eq(runScripts.runId, id))
    await using second = await restart(first, driver)
    const { record } = await second.ended(id)
    expect(record.message).toStartWith('the replay went another way at call 2: recorded is runtime.run')
  })

  test('one that was being stopped stays stopped', async () => {
    const driver = fakeDriver()
    const first = await openHarness({ drivers: [driver] })
    const id = await begin(first, pipeline(`await ${task('a')}`))
    await seen(first, id, hasBegun('a'))
    await first.database.db.update(runs).set({ stopReason: 'stopped by me' }).where(eq(runs.id, id))
    await using second = await restart(first, driver)
    const { record } = await second.ended(id)
    expect([record.status, record.message, record.tasks[0]?.status]).toEqual([
      'stopped',
      'stopped by me',
      'abort',
    ])
  })

  test('gives the script its arguments as they were handed in, though no record shows them', async () => {
    const vault = memoryVault()
    const driver = fakeDriver()
    const first = await openHarness({ drivers: [driver], vault })
    await first.secret('TOKEN', 'hunter2-hunter2')
    const id = await begin(
      first,
      pipeline(`await ${task('a')}
        await runtime.run({ name: 'b', command: { path: 'b', args: pipelineContext.args } })`),
      { args: ['--token=hunter2-hunter2'] },
    )
    await seen(first, id, hasBegun('a'))
    const stored = JSON.stringify([
      await first.database.db.select().from(runs),
      await first.database.db.select().from(runScripts),
    ])
    expect(stored).not.toContain('hunter2')
    await using second = await restart(first, driver)
    driver.end('a')
    await seen(second, id, hasBegun('b'))
    driver.say('b', 'hunter2-hunter2\n')
    driver.end('b')
    const { text, record } = await second.ended(id)
    expect([record.status, text('stdout', 'b')]).toEqual(['success', '***REDACTED***\n'])
    expect((await vault.list(TENANT)).map(({ key }) => key)).toEqual(['TOKEN'])
  })

  test('a task that has an old value of a secret says no more', async () => {
    const driver = fakeDriver()
    const first = await openHarness({ drivers: [driver] })
    await first.secret('TOKEN', 'old-old-old')
    await Bun.sleep(2)
    const id = await begin(
      first,
      pipeline(`await ${task('a', [], { T: 'secret:TOKEN' })}; console.log('end')`),
    )
    await seen(first, id, hasBegun('a'))
    driver.say('a', 'begin old-old-old\n')
    await seen(first, id, says('begin'))
    await first.runs.close()
    first.database.close()
    await first.secret('TOKEN', 'new-new-new')
    await using second = await openHarness({ dataDir: first.dataDir, vault: first.vault, drivers: [driver] })
    driver.say('a', 'more old-old-old\n')
    driver.end('a')
    const { text, record } = await second.ended(id)
    expect([record.status, text('stdout', 'a'), text('stdout')]).toEqual([
      'success',
      'begin ***REDACTED***\n',
      'end\n',
    ])
    expect(text('stderr', 'a')).toContain('the secret TOKEN was set anew')
    expect(driver.begun).toEqual(['a'])
  })

  test('timers and synchronous calls are answered as before', async () => {
    const driver = fakeDriver()
    const first = await openHarness({ drivers: [driver] })
    const id = await begin(
      first,
      pipeline(`
        const pending = ${task('a')}
        const at = Date.now()
        await sleep(30)
        console.log(volumes.create().name, volumes.create({ name: 'mine' }).name, Date.now() - at >= 30)
        clearTimeout(setTimeout(() => console.log('never'), 100000))
        console.log((await pending).stdout)`),
    )
    await seen(first, id, says('volume-3 mine true'))
    await using second = await restart(first, driver)
    driver.say('a', 'end')
    driver.end('a')
    const { text, record } = await second.ended(id)
    expect([record.status, text('stdout')]).toEqual(['success', 'volume-3 mine true\nend\n'])
  })
})

describe('a script whose process is killed from outside', () => {
  test.skipIf(process.platform !== 'linux')('goes on in another one', async () => {
    const driver = fakeDriver()
    const file = `${Bun.env.TMPDIR ?? '/tmp'}/fob-test-${crypto.randomUUID()}`
    const sandboxCommand = ['sh', '-c', `echo $$ >> ${file}; exec "$0" "$@"`, ...SANDBOX]
    await using own = await openHarness({ drivers: [driver], sandboxCommand })
    const id = await begin(
      own,
      pipeline(
        `console.log('begin'); await ${task('a')}; const b = await ${task('b')}; console.log('end', b.stdout)`,
      ),
    )
    await seen(own, id, hasBegun('a'))
    driver.end('a')
    await seen(own, id, hasBegun('b'))
    driver.say('b', 'x')
    const pids = async () => (await Bun.file(file).text()).trim().split('\n').map(Number)
    process.kill((await pids()).at(-1) ?? 0, 'SIGKILL')
    for (const until = Date.now() + 5000; (await pids()).length < 2 && Date.now() < until;)
      await Bun.sleep(10)
    driver.end('b')
    const { text, record } = await own.ended(id)
    expect([record.status, text('stdout'), driver.begun]).toEqual(['success', 'begin\nend x\n', ['a', 'b']])
  })
})

const flaky = (code: string) =>
  pipeline(`
  console.log('try')
  const a = await ${task('a', ['1'])}
  const b = await ${task('b', ['2'], { CODE: code })}
  if (b.code !== 0) throw new Error('b failed')
  await ${task('c', ['3'])}
  console.log('all passed', Date.now() >= Date.parse(a.startedAt))`)

describe('resume', () => {
  test('keeps what passed, runs again what failed, and its events go on', async () => {
    const driver = fakeDriver(true)
    await using own = await openHarness({ drivers: [driver] })
    const id = await begin(own, flaky('7'), { storesSource: true })
    const failed = await own.ended(id)
    expect(failed.record).toMatchObject({ status: 'failed', attempt: 1 })
    // The pipeline as it was when the run began counts, so what is outside has to be mended: here, the record.
    await own.database.db
      .update(runScripts)
      .set({ source: Bun.zstdCompressSync(flaky('0')) })
      .where(eq(runScripts.runId, id))
    const last = failed.events.at(-1)?.id ?? 0
    expect(await own.runs.resume(TENANT, id, 'ada')).toEqual({
      attempt: 2,
      lastEventId: last,
      sourceChanged: false,
    })
    const { record, events, text } = await own.ended(id)
    expect(record).toMatchObject({ status: 'success', attempt: 2, message: null })
    expect(driver.begun).toEqual(['a', 'b', 'b', 'c'])
    expect(record.tasks.map(({ number, name, status, attempt }) => [number, name, status, attempt])).toEqual([
      [1, 'a', 'success', 1],
      [2, 'b', 'failure', 1],
      [4, 'b', 'success', 2],
      [5, 'c', 'success', 2],
    ])
    expect(text('stdout')).toBe('try\ntry\nall passed true\n')
    const [first, second] = attemptsOf(record)
    expect(first).toMatchObject({ attempt: 1, status: 'failed', message: failed.record.message })
    expect(first).toMatchObject({ startedAt: failed.record.startedAt, endedAt: failed.record.endedAt })
    expect(second).toMatchObject({ attempt: 2, status: 'success', by: 'ada', message: null })
    const { pieces } = await own.runs.logPage(id, undefined)
    const ofScript = pieces.filter(({ task: of }) => of === undefined)
    expect(ofScript.map(({ data, startsAttempt }) => [data, startsAttempt])).toEqual([
      ['try\n', undefined],
      ['try\n', 2],
      ['all passed true\n', undefined],
    ])
    const ids = events.map((event) => event.id)
    expect(ids).toEqual(ids.toSorted((a, b) => a - b))
    expect(events.filter(({ type }) => type === 'exit').length).toBe(1)
    expect(events.find((event) => event.id > last)).toMatchObject({
      type: 'run',
      data: { status: 'queued', attempt: 2 },
    })
  })

  test('survives the server, as the first attempt does', async () => {
    const driver = fakeDriver()
    const first = await openHarness({ drivers: [driver] })
    const id = await begin(
      first,
      pipeline(
        `await ${task('a')}; const b = await ${task('b')}; assert(b.code === 0, 'b'); await ${task('c')}`,
      ),
    )
    await seen(first, id, hasBegun('a'))
    driver.end('a')
    await seen(first, id, hasBegun('b'))
    driver.end('b', 1)
    await first.ended(id)
    await first.runs.resume(TENANT, id, 'ada')
    await seen(first, id, () => driver.begun.length === 3)
    driver.end('b')
    await seen(first, id, hasBegun('c'))
    await using second = await restart(first, driver)
    driver.end('c')
    expect((await second.ended(id)).record.status).toBe('success')
    expect(driver.begun).toEqual(['a', 'b', 'b', 'c'])
  })

  test('is refused for a run that goes on, that has succeeded, and that is not there', async () => {
    const driver = fakeDriver()
    await using own = await openHarness({ drivers: [driver] })
    const id = await begin(own, pipeline(`await ${task('a')}`))
    await seen(own, id, hasBegun('a'))
    expect(await failure(own.runs.resume(TENANT, id, 'ada'))).toMatchObject({
      code: 'conflict',
      message: 'the run is in progress (running)',
    })
    driver.end('a')
    await own.ended(id)
    expect(await failure(own.runs.resume(TENANT, id, 'ada'))).toMatchObject({
      code: 'conflict',
      message: 'the run has succeeded: nothing of it is left to run',
    })
    expect(await failure(own.runs.resume(TENANT, 'run_x', 'ada'))).toMatchObject({ code: 'not_found' })
    expect(await failure(own.runs.resume('ten_other', id, 'ada'))).toMatchObject({ code: 'not_found' })
  })

  test('twice at once resumes once', async () => {
    const driver = fakeDriver(true)
    await using own = await openHarness({ drivers: [driver] })
    const id = await begin(own, pipeline(`throw new Error('no')`))
    await own.ended(id)
    const both = await Promise.allSettled([
      own.runs.resume(TENANT, id, 'ada'),
      own.runs.resume(TENANT, id, 'ada'),
    ])
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    expect((await own.ended(id)).record.attempt).toBe(2)
  })
})
