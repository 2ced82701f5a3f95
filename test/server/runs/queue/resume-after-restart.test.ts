/** The count of restarts of a run, and when it is given up. */
import { expect, test } from 'bun:test'
import { createJournal } from '../../../../src/server/runs/journal/journal.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { fakeDriver } from '../fake-driver.ts'
import { type Harness, openHarness, pipeline, TENANT } from '../run-harness.ts'

const HOUR = 60 * 60_000
const WAITS = pipeline(`await runtime.run({ name: 'a', command: { path: 'a', args: [] } })
  await runtime.run({ name: 'b', command: { path: 'b', args: [] } })`)

async function begin(own: Harness, path: string): Promise<string> {
  const id = await own.start(WAITS, {
    pipeline: { id: 'pip_1', name: 'deploy', filename: 'deploy.ts', source: WAITS, driver: 'fake' },
  })
  await reached(own, id, path)
  return id
}
async function reached(own: Harness, id: string, name: string): Promise<void> {
  for await (const event of own.runs.events(TENANT, id, 0, AbortSignal.timeout(10_000))) {
    if (event.type === 'task' && event.data.name === name && event.data.status === 'running') return
  }
}

test('restarts are counted until the run gets further, or some time has passed', async () => {
  const driver = fakeDriver()
  await using own = await openHarness({ drivers: [driver] })
  const id = await begin(own, 'a')
  const clock = manualClock()
  const journal = createJournal({ db: own.database.db, clock })
  const times = (n: number) => Array.from({ length: n }, () => journal.countRestart(id))
  expect(times(4)).toEqual([1, 2, 3, 4])
  driver.end('a')
  await reached(own, id, 'b')
  expect(times(3)).toEqual([1, 2, 3])
  await clock.advance(HOUR)
  expect(times(2)).toEqual([1, 2])
})

test('a server that is shut down in good order continues the run as often as it is started', async () => {
  const driver = fakeDriver()
  let own = await openHarness({ drivers: [driver] })
  const id = await begin(own, 'a')
  for (let i = 0; i < 8; i++) {
    await own.runs.close()
    own.database.close()
    own = await openHarness({ dataDir: own.dataDir, vault: own.vault, drivers: [driver] })
  }
  await using last = own
  driver.end('a')
  await reached(last, id, 'b')
  driver.end('b')
  expect((await last.ended(id)).record.status).toBe('success')
})
