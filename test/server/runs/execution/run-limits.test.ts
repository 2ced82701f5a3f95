/** The limits of a run: a full disk, the size of the log, the number of tasks, and tasks of a killed server. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../../../src/platform/clock.ts'
import { createNativeDriver } from '../../../../src/server/runs/drivers/native-driver.ts'
import { createJournal } from '../../../../src/server/runs/journal/journal.ts'
import type { RunJournal } from '../../../../src/server/runs/journal/run-journal-type.ts'
import { runs } from '../../../../src/server/db/schema.ts'
import {
  addPipeline,
  failure,
  type Harness,
  NEVER,
  openHarness,
  pipeline,
  sh,
  TENANT,
} from '../run-harness.ts'
import { isRunning, until } from '../drivers/fixture.ts'

let fob: Harness
beforeAll(async () => {
  fob = await openHarness()
})
afterAll(() => fob[Symbol.asyncDispose]())

/** The database refuses this from here on, as it does on a full disk. */
function refuse(harness: Harness, what: string): void {
  harness.database.db.run(`CREATE TRIGGER full BEFORE ${what} BEGIN SELECT RAISE(ABORT, 'disk full'); END`)
}

function allow(harness: Harness): void {
  harness.database.db.run('DROP TRIGGER full')
}

const END = `UPDATE OF ended_at ON runs WHEN NEW.status <> 'running'`

describe('an end that cannot be recorded', () => {
  test('still ends who follows the run, and stop then records it as stopped', async () => {
    const waits: number[] = []
    const sleep: Clock['sleep'] = async (ms, signal) => {
      waits.push(ms)
      if (ms > 2000) await systemClock.sleep(ms, signal)
    }
    const clock = { now: () => Date.now(), sleep }
    await using own = await openHarness({ clock })
    refuse(own, END)
    const { runId, record, events } = await own.run(pipeline(`console.log('x')`))
    expect([record.status, events.at(-1)?.type === 'exit']).toEqual(['running', false])
    expect(waits).toEqual([100, 500, 2000, 5000])
    expect(own.log()).toContain('the end of a run could not be recorded')
    expect(await failure(own.runs.stop(TENANT, runId, 'enough'))).toBeInstanceOf(Error)

    allow(own)
    expect(await own.runs.stop('ten_2', runId, 'not mine')).toBe(false)
    expect(await own.runs.stop(TENANT, runId, 'enough')).toBe(true)
    const stopped = await own.ended(runId)
    expect(stopped.record).toMatchObject({ status: 'stopped', message: 'enough' })
    expect(stopped.events.at(-1)).toMatchObject({ type: 'exit', data: { code: 1, message: 'enough' } })
    expect(await own.runs.stop(TENANT, runId, 'again')).toBe(false)
  })

  test('is recorded once there is room again, however late', async () => {
    let tries = 0
    let own: Harness | undefined
    const sleep: Clock['sleep'] = async (ms, signal) => {
      if (ms !== 5000) return
      await systemClock.sleep(10, signal)
      tries += 1
      if (own && tries === 3) allow(own)
    }
    own = await openHarness({ clock: { now: () => Date.now(), sleep } })
    await using harness = own
    refuse(harness, END)
    const { runId } = await harness.run(pipeline(''))
    await until(() => harness.log().includes('run ended'))
    expect((await harness.ended(runId)).record.status).toBe('success')
    expect(tries).toBe(3)
  })

  test('is recorded when there is room again', async () => {
    let own: Harness | undefined
    const sleep = async (ms: number) => {
      if (own && ms === 500) allow(own)
    }
    own = await openHarness({ clock: { now: () => Date.now(), sleep } })
    await using harness = own
    refuse(harness, END)
    expect((await harness.run(pipeline(''))).record.status).toBe('success')
  })

  test('output that cannot be kept fails the run, and its tasks are recorded as ended', async () => {
    await using own = await openHarness()
    refuse(own, `INSERT ON run_events WHEN NEW.type = 'log'`)
    const { record, events } = await own.run(pipeline(sh('while :; do echo x; sleep 0.01; done')))
    expect(record).toMatchObject({ status: 'failed', message: 'the server could not continue this run' })
    expect(record.tasks).toMatchObject([{ status: 'abort' }])
    expect(events.slice(-3) as unknown[]).toMatchObject([
      { type: 'task', data: { status: 'abort' } },
      { type: 'run' },
      { type: 'exit' },
    ])
  })
})

describe('the log of a run', () => {
  test('is cut at its limit, says so once, and the run goes on', async () => {
    await using own = await openHarness({ maxLogBytes: 1024 * 1024 })
    const { record, text } = await own.run(
      pipeline(`
        const { status, stdout } = ${sh('head -c 3000000 /dev/zero | tr "\\0" x; echo end >&2; exit 0')}
        console.log(status, stdout.length)`),
    )
    expect([record.status, record.tasks[0]?.status]).toEqual(['success', 'success'])
    const kept = text('stdout', 'task').length
    expect(kept).toBeLessThanOrEqual(1024 * 1024)
    expect(kept).toBeGreaterThan(900_000)
    expect(text('stderr', 'task')).toBe('the log is cut here: more than 1 MiB\n')
    expect(text('stdout')).toBe('')
  })

  test('is stored in few writes, in order, and before what comes after it', async () => {
    const writes: string[] = []
    const { db } = fob.database
    const counting = new Proxy(db, {
      get: (target, name) => {
        if (name === 'transaction') writes.push('write')
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
    const journal = createJournal({ db: counting, clock: systemClock })
    const run = await createRun(journal, 'run_batch')
    for (let i = 0; i < 500; i++) await run.log([{ stream: 'stdout', data: `${i}\n` }])
    await run.taskStarted({ number: 1, name: 'next' })
    expect(writes.length).toBeLessThan(5)
    for (let i = 0; i < 4; i++) await run.log([{ stream: 'stdout', data: 'x'.repeat(32 * 1024) }])
    expect(writes.length).toBeLessThan(7)
    await run.log([{ stream: 'stdout', data: 'last' }])
    await run.finish({ status: 'success', message: undefined })
    const { events, text } = await fob.ended('run_batch')
    const numbers = Array.from({ length: 500 }, (_, i) => `${i}\n`).join('')
    expect(text('stdout')).toBe(`${numbers}${'x'.repeat(128 * 1024)}last`)
    expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => index + 1))
    expect(events[501]?.type).toBe('task')
  })

  test('reaches who follows it within a moment, also when nothing comes after it', async () => {
    const journal = createJournal({ db: fob.database.db, clock: systemClock })
    const run = await createRun(journal, 'run_tick')
    const next = journal.next('run_tick')
    await run.log([{ stream: 'stdout', data: 'x' }])
    await next
    await run.finish({ status: 'success', message: undefined })
    expect(journal.next('run_tick')).toBeUndefined()
  })
})

describe('too much at once', () => {
  test('a run has at most 1000 tasks', async () => {
    const { record, text } = await fob.run(
      pipeline(`
        const task = { name: 't', command: { path: 'no-such-program' }, allowFailure: true }
        for (let i = 0; i < 1000; i += 100)
          await Promise.all(Array.from({ length: 100 }, () => runtime.run(task)))
        try { await runtime.run(task) } catch (error) { console.log(error.message) }`),
    )
    expect([record.status, text('stdout')]).toEqual(['success', 'a run has at most 1000 tasks\n'])
    expect(record.tasks).toHaveLength(1000)
  })

  test('a script without memory even for an error is told so; one that throws null is not', async () => {
    await using own = await openHarness({ limits: { memoryBytes: 16 * 1024 * 1024 } })
    const body = 'const a = []; for (;;) { try { a.push({}) } catch { a.push({}) } }'
    const { record } = await own.run(pipeline(body))
    expect(record.message).toBe('deploy.ts: the script ran out of memory (limit 16 MiB)')
    expect((await own.run(pipeline('throw null'))).record.message).toBe('deploy.ts: threw null')
  })

  test('only so many runs of a tenant wait for their turn', async () => {
    await using own = await openHarness({ runsAtOnce: 1, waitingRuns: 2 })
    const first = await own.start(pipeline(sh('echo ready; sleep 60')))
    for await (const event of own.runs.events(TENANT, first, 0, NEVER)) if (event.type === 'log') break
    const second = await own.start(pipeline(''))
    await own.start(pipeline(''))
    expect(await failure(own.start(pipeline('')))).toMatchObject({
      code: 'busy',
      message: 'too many runs are waiting for their turn (at most 2)',
      hint: expect.stringContaining('fob runs stop') as string,
    })
    await own.runs.stop(TENANT, second, 'enough')
    await own.ended(second)
    await own.start(pipeline(''))
  })
})

describe.skipIf(process.platform !== 'linux')('tasks that a killed server left behind', () => {
  test('are killed by the next one, and their folder goes', async () => {
    const dataDir = await leaveBehind('run_dead')
    const driver = createNativeDriver({ dataDir, clock: systemClock, graceMs: 100 })
    const command = { path: 'sh', args: ['-c', `trap '' TERM; sleep 60 & echo $!; wait`] }
    const started = Promise.withResolvers<number>()
    const stdout = async (chunk: Uint8Array) => started.resolve(Number(Buffer.from(chunk).toString()))
    const spec = { runId: 'run_dead', number: 1, command, env: {}, mounts: [], limits: {} }
    const ended = driver.run(
      spec,
      { stdout, stderr: async () => {}, stored: () => ({ stdout: 0, stderr: 0 }) },
      NEVER,
    )
    const child = await started.promise
    const file = join(dataDir, 'runs', 'run_dead', '1.pid')
    expect(readFileSync(file, 'utf8')).toMatch(/^\d+ \d+ [\da-f-]+\n$/)

    await using next = await openHarness({ dataDir })
    expect(await ended).toMatchObject({ code: 137 })
    expect(existsSync(join(dataDir, 'runs', 'run_dead'))).toBe(false)
    expect(isRunning(child)).toBe(false)
    expect((await next.ended('run_dead')).record.status).toBe('failed')
  })

  test('are not taken for another process that has their number', async () => {
    const dataDir = await leaveBehind('run_dead')
    const other = Bun.spawn(['sleep', '60'], { detached: true })
    const folder = join(dataDir, 'runs', 'run_dead')
    mkdirSync(folder, { recursive: true })
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')
    for (const [n, text] of [`${other.pid} 1 ${boot}`, `0 1 ${boot}`, '1', '', `-1 0 ${boot}`].entries()) {
      writeFileSync(join(folder, `${n + 1}.pid`), text)
    }
    await using _ = await openHarness({ dataDir })
    expect(existsSync(folder)).toBe(false)
    expect(isRunning(other.pid)).toBe(true)
    other.kill('SIGKILL')
    await other.exited
  })

  test('a task that has ended is not written down any more', async () => {
    const { text } = await fob.run(pipeline(`${sh('exit 0')}\n${sh('ls ..')}`))
    // Its own may be written a moment after it has begun.
    expect(text('stdout', 'task').replace('2.pid\n', '')).toBe('1\n2\n')
  })
})

async function createRun(journal: ReturnType<typeof createJournal>, id: string): Promise<RunJournal> {
  await addPipeline(fob.database.db, ROW.pipelineId)
  return await journal.create({ ...ROW, id }, SCRIPT)
}

const ROW = {
  tenantId: TENANT,
  pipelineId: 'p',
  pipelineName: 'deploy',
  triggeredBy: 'x',
  args: [],
  task: null,
}

const SCRIPT = {
  driver: 'native',
  filename: 'p.ts',
  source: Buffer.alloc(0),
  seed: '0'.repeat(32),
  clock: 0,
  handedIn: '{}',
}

/** A data folder in which a run is recorded as going on. */
async function leaveBehind(id: string): Promise<string> {
  const first = await openHarness()
  await first.database.db.insert(runs).values({ ...ROW, id, status: 'running', createdAt: 1 })
  await first.runs.close()
  first.database.close()
  return first.dataDir
}
