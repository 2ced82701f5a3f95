/** The run queue: fairness between tenants, concurrency of a pipeline, paused pipelines and cancelled entries. */
import { describe, expect, test } from 'bun:test'
import type { Concurrency } from '../../../../src/contract/api/pipelines.ts'
import { createRunQueue, type QueuedRun, type RunQueue } from '../../../../src/server/runs/queue/run-queue.ts'
import { type ManualClock, manualClock } from '../../../support/manual-clock.ts'
import { failure, NEVER } from '../run-harness.ts'

interface Started {
  tenant: string
  run: string
  at: number
}

/** Runs that take so long, and what started when. */
function world(limits: { atOnce: number; perTenant?: number }) {
  const clock = manualClock(0)
  const queue = createRunQueue({ perTenant: limits.atOnce, ...limits })
  const started: Started[] = []
  const cancelled: string[] = []
  let going = 0
  let most = 0

  function add(tenant: string, run: string, ms: number, more: Partial<QueuedRun> = {}): Promise<unknown> {
    const stop = new AbortController()
    const place = {
      runId: run,
      tenantId: tenant,
      pipelineId: `${tenant}/${run}`,
      concurrency: { mode: 'parallel' } as Concurrency,
      stop: (reason: string) => {
        cancelled.push(`${run}: ${reason}`)
        stop.abort(new Error(reason))
      },
      ...more,
    }
    const work = async () => {
      started.push({ tenant, run, at: clock.now() })
      going += 1
      most = Math.max(most, going)
      // Even a stopped one takes until the next moment to end.
      await clock.sleep(ms, stop.signal).catch(() => clock.sleep(1))
      going -= 1
    }
    return queue.run(place, work, stop.signal)
  }
  return { clock, queue, started, cancelled, add, most: () => most }
}

/** Lets everything that is due happen, a millisecond at a time. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let i = 0; i < ms; i++) {
    await settle()
    await clock.advance(1)
  }
  await settle()
}
const settle = () => new Promise<void>((resolve) => setImmediate(resolve))

const order = (started: Started[]) => started.map(({ run }) => run)

describe('fairness between tenants', () => {
  test('a tenant with a thousand runs does not keep another one from its turn', async () => {
    const { clock, started, add } = world({ atOnce: 4 })
    for (let i = 0; i < 1000; i++) void add('greedy', `g${i}`, 10)
    await pass(clock, 3)
    void add('modest', 'm', 10)
    await pass(clock, 8)
    const place = started.find(({ tenant }) => tenant === 'modest')
    expect(place?.at).toBe(10)
    expect(started.filter(({ tenant }) => tenant === 'greedy')).toHaveLength(7)
  })

  test('500 tenants with 20 runs each get as many turns as the next one, at any moment', async () => {
    const { clock, started, add, most } = world({ atOnce: 16 })
    const all: Promise<unknown>[] = []
    // One after the other, so that a queue by arrival would serve the first ones alone.
    for (let tenant = 0; tenant < 500; tenant++) {
      for (let i = 0; i < 20; i++) all.push(add(`t${tenant}`, `t${tenant}/${i}`, 1))
    }
    const counts = () => {
      const of = new Map<string, number>()
      for (const { tenant } of started) of.set(tenant, (of.get(tenant) ?? 0) + 1)
      return [...of.values()]
    }
    while (started.length < 10_000) {
      await pass(clock, 10)
      // The first 16 begin before anybody else is there, and may be one ahead at any moment after.
      const had = counts()
      if (had.length === 500) expect(Math.max(...had) - Math.min(...had)).toBeLessThanOrEqual(17)
      else expect(Math.max(...had)).toBeLessThanOrEqual(17)
    }
    await pass(clock, 2)
    await Promise.all(all)
    expect(most()).toBe(16)
  })

  test('places go to who has the fewest, so long runs do not add up', async () => {
    const { clock, started, add } = world({ atOnce: 4 })
    for (let i = 0; i < 8; i++) void add('a', `a${i}`, i < 4 ? 5 + i : 100)
    for (let i = 0; i < 8; i++) void add('b', `b${i}`, 100)
    await pass(clock, 9)
    // Four of a were there first; as they end, b catches up to two and two.
    expect(order(started)).toEqual(['a0', 'a1', 'a2', 'a3', 'b0', 'b1', 'a4', 'a5'])
  })

  test('no tenant has more than it may, also where places stay free', async () => {
    const { clock, started, add } = world({ atOnce: 10, perTenant: 2 })
    for (let i = 0; i < 5; i++) void add('a', `a${i}`, 10)
    void add('b', 'b0', 10)
    await pass(clock, 5)
    expect(order(started)).toEqual(['a0', 'a1', 'b0'])
    await pass(clock, 6)
    expect(order(started)).toEqual(['a0', 'a1', 'b0', 'a2', 'a3'])
  })

  test('runs of one tenant begin in the order in which they came', async () => {
    const { clock, started, add } = world({ atOnce: 1 })
    for (let i = 0; i < 10; i++) void add('a', `a${i}`, 1)
    await pass(clock, 12)
    expect(order(started)).toEqual(Array.from({ length: 10 }, (_, i) => `a${i}`))
  })
})

const of = (concurrency: Concurrency) => ({ pipelineId: 'p', concurrency })

describe('the concurrency of a pipeline', () => {
  test.each([
    ['serial', { mode: 'serial' }, 1],
    ['parallel with max 2', { mode: 'parallel', max: 2 }, 2],
    ['parallel', { mode: 'parallel' }, 4],
  ] as const)('%s lets so many go', async (_name, concurrency, most) => {
    const all = world({ atOnce: 10 })
    for (let i = 0; i < 4; i++) void all.add('a', `a${i}`, 5, of(concurrency))
    await pass(all.clock, 30)
    expect(order(all.started)).toEqual(['a0', 'a1', 'a2', 'a3'])
    expect(all.most()).toBe(most)
    expect(all.cancelled).toEqual([])
  })

  test('a pipeline that waits for itself holds up no other one of the tenant', async () => {
    const { clock, started, add } = world({ atOnce: 3 })
    for (let i = 0; i < 3; i++) void add('a', `s${i}`, 50, of({ mode: 'serial' }))
    void add('a', 'other', 5)
    await pass(clock, 3)
    expect(order(started)).toEqual(['s0', 'other'])
  })

  test('cancel-previous stops what runs and what waits, says by what, and waits for its end', async () => {
    const { clock, started, cancelled, add } = world({ atOnce: 4 })
    const mode = of({ mode: 'cancel-previous' })
    const first = add('a', 'r1', 50, mode)
    const stranger = add('a', 'else', 50)
    await pass(clock, 2)
    const second = failure(add('a', 'r2', 50, mode))
    const third = add('a', 'r3', 5, mode)
    await pass(clock, 10)
    expect(cancelled).toEqual([
      'r1: cancelled by r2, a newer run of this pipeline',
      'r2: cancelled by r3, a newer run of this pipeline',
      'r1: cancelled by r3, a newer run of this pipeline',
    ])
    expect(await second).toMatchObject({ message: 'cancelled by r3, a newer run of this pipeline' })
    await first
    await third
    expect(started).toEqual([
      { tenant: 'a', run: 'r1', at: 0 },
      { tenant: 'a', run: 'else', at: 0 },
      { tenant: 'a', run: 'r3', at: 3 },
    ])
    await pass(clock, 50)
    await stranger
  })

  test('a run by hand of a pipeline without it cancels nothing', async () => {
    const { clock, cancelled, add } = world({ atOnce: 4 })
    void add('a', 'r1', 5, of({ mode: 'cancel-previous' }))
    await pass(clock, 1)
    void add('a', 'r2', 5, of({ mode: 'parallel' }))
    await pass(clock, 10)
    expect(cancelled).toEqual([])
  })
})

const ofPipeline = (pipelineId: string) => ({ pipelineId })

describe('a pipeline that is held', () => {
  test('has none of its runs begin until it is let go, and holds up no other', async () => {
    const { clock, queue, started, add } = world({ atOnce: 1 })
    void add('a', 'going', 5, ofPipeline('p'))
    await pass(clock, 1)
    void add('a', 'queued', 1, ofPipeline('p'))
    queue.hold('p', true)
    void add('a', 'other', 1, ofPipeline('q'))
    await pass(clock, 20)
    expect(order(started)).toEqual(['going', 'other'])
    queue.hold('p', false)
    await pass(clock, 5)
    expect(order(started)).toEqual(['going', 'other', 'queued'])
  })

  test('is so from the start, but for a run that was started before', async () => {
    const clock = manualClock(0)
    const queue = createRunQueue({ atOnce: 2, perTenant: 2, held: ['p'] })
    const started: string[] = []
    const run = (runId: string, wasStarted: boolean) =>
      void queue.run({ ...place(runId), wasStarted }, async () => void started.push(runId), NEVER)
    run('new', false)
    run('old', true)
    await pass(clock, 3)
    expect(started).toEqual(['old'])
  })

  test('that is withdrawn stops its runs that have not started, and nothing else', async () => {
    const { clock, queue, started, cancelled, add } = world({ atOnce: 2 })
    void add('a', 'going', 5, ofPipeline('p'))
    void add('a', 'other', 5, ofPipeline('q'))
    await pass(clock, 1)
    const waiting = failure(add('a', 'queued', 5, ofPipeline('p')))
    const stranger = add('a', 'stranger', 1, ofPipeline('q'))
    queue.withdraw('p', 'it was deleted')
    expect(await waiting).toMatchObject({ message: 'it was deleted' })
    await pass(clock, 20)
    await stranger
    expect(cancelled).toEqual(['queued: it was deleted'])
    expect(order(started)).toEqual(['going', 'other', 'stranger'])
  })
})

const place = (runId: string): QueuedRun => ({
  runId,
  tenantId: 't',
  pipelineId: 'p',
  concurrency: { mode: 'parallel' },
  stop: () => {},
})

const blocked = (queue: RunQueue) => {
  const gate = Promise.withResolvers<void>()
  return { open: gate.resolve, done: queue.run(place('holder'), () => gate.promise, NEVER) }
}

describe('leaving', () => {
  test('a run that is stopped while it waits is never started, and leaves no place behind', async () => {
    const queue = createRunQueue({ atOnce: 1, perTenant: 1 })
    const holder = blocked(queue)
    const stop = new AbortController()
    let wasStarted = false
    const waiting = failure(queue.run(place('w'), async () => void (wasStarted = true), stop.signal))
    stop.abort(new Error('stopped'))
    expect(await waiting).toMatchObject({ message: 'stopped' })
    holder.open()
    await holder.done
    await queue.run(place('next'), async () => {}, NEVER)
    expect(wasStarted).toBe(false)
  })

  test('a run that breaks gives its place to the next', async () => {
    const queue = createRunQueue({ atOnce: 1, perTenant: 1 })
    expect(
      await failure(queue.run(place('a'), () => Promise.reject(new Error('broke')), NEVER)),
    ).toMatchObject({
      message: 'broke',
    })
    expect(await queue.run(place('b'), async () => 'ran', NEVER)).toBe('ran')
  })

  test('a signal that has fired already begins nothing', async () => {
    const queue = createRunQueue({ atOnce: 1, perTenant: 1 })
    expect(
      await failure(queue.run(place('a'), async () => 'ran', AbortSignal.abort(new Error('no')))),
    ).toMatchObject({ message: 'no' })
  })
})
