/** Followed events of a run: stored, then live, none lost or repeated, and runs that a dead server left. */
import { describe, expect, test } from 'bun:test'
import type { NumberedEvent } from '../../../../src/contract/run-events.ts'
import { runEvents, runs, runTasks } from '../../../../src/server/db/schema.ts'
import { followEvents } from '../../../../src/server/runs/log/follow-events.ts'
import { failure, NEVER, openHarness, pipeline, sh, TENANT } from '../run-harness.ts'

async function collect(events: AsyncIterable<NumberedEvent>): Promise<number[]> {
  const ids: number[] = []
  for await (const { id } of events) ids.push(id)
  return ids
}

describe('following a run', () => {
  test('stored events, then live ones: none lost, none twice, the last is the exit', async () => {
    await using fob = await openHarness()
    const script = 'for i in $(seq 40); do echo $i; sleep 0.005; done'
    const runId = await fob.start(pipeline(sh(script)))
    const followers = Array.from({ length: 5 }, async (_, n) => {
      await Bun.sleep(n * 40)
      return await collect(fob.runs.events(TENANT, runId, 0, NEVER))
    })
    const all = await Promise.all(followers)
    const { events, text } = await fob.ended(runId)
    const ids = events.map(({ id }) => id)
    for (const seen of all) expect(seen).toEqual(ids)
    expect(text('stdout', 'task')).toBe(Array.from({ length: 40 }, (_, i) => `${i + 1}\n`).join(''))
    for (const after of [1, 3, ids.length - 1, ids.length, ids.length + 5]) {
      expect(await collect(fob.runs.events(TENANT, runId, after, NEVER))).toEqual(ids.slice(after))
    }
  })

  test('a reader that is told to stop, stops; one that goes away is no burden', async () => {
    await using fob = await openHarness()
    const runId = await fob.start(pipeline(sh('sleep 60')))
    const controller = new AbortController()
    const waiting = collect(fob.runs.events(TENANT, runId, 0, controller.signal))
    for await (const event of fob.runs.events(TENANT, runId, 0, NEVER)) if (event.type === 'task') break
    controller.abort()
    expect((await waiting).length).toBeGreaterThan(0)
    expect(await collect(fob.runs.events(TENANT, runId, 0, AbortSignal.abort()))).toEqual([])
  })

  test("another tenant's run is not there", async () => {
    await using fob = await openHarness()
    const { runId } = await fob.run(pipeline(''))
    expect(await failure(collect(fob.runs.events('ten_2', runId, 0, NEVER)))).toMatchObject({
      code: 'not_found',
    })
  })

  test('an event stored between reading and waiting is not missed', async () => {
    const stored: NumberedEvent[] = [{ id: 1, type: 'run', data: { status: 'running' } }]
    let wake = Promise.withResolvers<void>()
    const store = (event: NumberedEvent) => {
      stored.push(event)
      wake.resolve()
      wake = Promise.withResolvers()
    }
    let reads = 0
    const source = {
      read: async (after: number) => {
        const page = stored.filter(({ id }) => id > after)
        reads += 1
        // Just after the page was read, and before the reader waits.
        if (reads === 1) store({ id: 2, type: 'exit', data: { code: 0, run_id: 'r' } })
        return page
      },
      next: () => wake.promise,
    }
    expect(await collect(followEvents(source, 0, AbortSignal.timeout(2000)))).toEqual([1, 2])
  })
})

describe('a server that died', () => {
  test('left runs behind without their scripts: the next one records them as failed, with a last event', async () => {
    await using first = await openHarness()
    const { db } = first.database
    const base = {
      tenantId: TENANT,
      pipelineId: 'p',
      pipelineName: 'deploy',
      triggeredBy: 'x',
      args: [],
      createdAt: 1,
    }
    await db.insert(runs).values([
      { ...base, id: 'run_a', status: 'running', startedAt: 2 },
      { ...base, id: 'run_b', status: 'queued' },
      { ...base, id: 'run_c', status: 'success' },
    ])
    await db.insert(runTasks).values([
      { runId: 'run_a', number: 1, name: 'done', status: 'success', code: 0, startedAt: 2, endedAt: 3 },
      { runId: 'run_a', number: 2, name: 'open', status: 'running', startedAt: 2 },
    ])
    await db.insert(runEvents).values([queued('run_a', 1), queued('run_a', 2), queued('run_b', 1)])

    await using second = await openHarness({ dataDir: first.dataDir })
    const message =
      'the server stopped while this run was in progress, and it cannot be continued: its script is not stored any more'
    const a = await second.ended('run_a')
    expect(a.record).toMatchObject({
      status: 'failed',
      message,
      tasks: [{ status: 'success' }, { status: 'abort' }],
    })
    expect(a.events.slice(2) as unknown[]).toEqual([
      { id: 3, type: 'task', data: { name: 'open', number: 2, status: 'abort' } },
      { id: 4, type: 'run', data: { status: 'failed' } },
      { id: 5, type: 'exit', data: { code: 1, run_id: 'run_a', message } },
    ])
    const b = await second.ended('run_b')
    expect([b.record.status, b.events.map(({ id }) => id)]).toEqual(['failed', [1, 2, 3]])
    expect((await second.runs.get(TENANT, 'run_c'))?.status).toBe('success')
  })
})

function queued(runId: string, id: number) {
  return { runId, id, type: 'run' as const, data: '{"status":"queued"}', at: 1 }
}
