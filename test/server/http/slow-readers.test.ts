/** Event streams with slow readers: bounded memory, disconnection after silence, and complete reads later. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { systemClock } from '../../../src/platform/clock.ts'
import { openDatabase } from '../../../src/server/db/open-database.ts'
import { jsonLog } from '../../../src/server/log.ts'
import { openRetention } from '../../../src/server/runs/journal/apply-retention.ts'
import { databasePath } from '../../../src/server/db/database-files.ts'
import { memoryVault } from '../../support/servers/memory-vault.ts'
import { jsonClient, until } from '../../support/servers/json-client.ts'
import { startServer, type TestServer } from '../../support/servers/test-server.ts'
import { type StalledReader, stalledReader } from '../../support/hostile/stalled-reader.ts'

const MB = 1_000_000
/** More than the system buffers for a socket. */
const PRINTED = 30 * MB

/** The time between two heartbeats passes when the test says so; all else at its own pace. */
const heartbeats = {
  waiting: new Set<() => void>(),
  next: () => heartbeats.waiting.forEach((wake) => wake()),
}
const clock = {
  now: systemClock.now,
  sleep: async (ms: number, signal?: AbortSignal) => {
    if (ms !== 15_000) return await systemClock.sleep(ms, signal)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    heartbeats.waiting.add(resolve)
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    await promise.finally(() => heartbeats.waiting.delete(resolve))
  },
}

let server: TestServer
beforeAll(async () => {
  server = await startServer({ clock })
  const command = { path: 'sh', args: ['-c', `yes 'a line of output' | head -c ${PRINTED}`] }
  const task = JSON.stringify({ name: 'loud', image: 'busybox', command })
  const source = `export const pipeline = async () => { await runtime.run(${task}) }`
  expect((await send('PUT', '/api/pipelines/loud', { source, filename: 'loud.ts' })).status).toBe(201)
})
afterAll(() => server.stop())

const send = jsonClient(() => server.url)

async function startRun(): Promise<string> {
  const { text } = await send('POST', '/api/pipelines/loud/run', {})
  return (JSON.parse(text) as { run_id: string }).run_id
}

const ended = (runId: string) =>
  until(
    () => send('GET', `/api/runs/${runId}`),
    ({ text }) => text.includes('"status":"success"'),
    60_000,
  )

const cuts = () => server.log().split('a reader that took nothing was cut off').length - 1

/** One heartbeat after the other, until so many more readers were cut. */
async function beatUntilCut(count: number): Promise<number> {
  const wanted = cuts() + count
  let beats = 0
  const beat = async () => {
    heartbeats.next()
    beats += 1
    return cuts()
  }
  await until(beat, (done) => done >= wanted)
  return beats
}

const idsOf = (text: string) => [...text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1]))

describe('a reader who takes nothing', () => {
  test('holds nobody up, is cut off after four heartbeats, and comes back for the rest', async () => {
    const runId = await startRun()
    const path = `/api/runs/${runId}/events`
    const reader = await stalledReader(server.url, path)
    await ended(runId)
    expect(cuts()).toBe(0)
    expect(await beatUntilCut(1)).toBeGreaterThanOrEqual(4)
    const first = await reader.readOn()
    expect(first.length).toBeLessThan(PRINTED / 2)
    const whole = first.slice(0, first.lastIndexOf('\n\n'))
    const seen = idsOf(whole)
    const last = seen.at(-1) ?? 0
    const headers = { 'last-event-id': String(last) }
    const rest = await (await fetch(server.url + path, { headers })).text()
    const ids = [...seen, ...idsOf(rest)]
    expect(ids).toEqual(ids.map((_, index) => index + 1))
    expect(rest.slice(-200)).toContain('event: exit')
  }, 90_000)

  test('costs no more than what the system buffers for it, and many of them not much more', async () => {
    const runId = await startRun()
    await ended(runId)
    Bun.gc(true)
    const before = process.memoryUsage.rss()
    const readers: StalledReader[] = []
    for (let i = 0; i < 16; i++) readers.push(await stalledReader(server.url, `/api/runs/${runId}/events`))
    let most = 0
    for (let i = 0; i < 40; i++) {
      await Bun.sleep(25)
      most = Math.max(most, process.memoryUsage.rss() - before)
    }
    // All of it for all of them would be 480 MB. What the process holds on to after other tests counts too.
    expect(most).toBeLessThan(240 * MB)
    await beatUntilCut(readers.length)
    for (const reader of readers) reader.destroy()
  }, 90_000)

  test('is not one who takes some now and then', async () => {
    const runId = await startRun()
    await ended(runId)
    const reader = await stalledReader(server.url, `/api/runs/${runId}/events`)
    const before = cuts()
    for (let taken = 0; taken < PRINTED - 6 * MB; taken += 3 * MB) {
      for (let i = 0; i < 3; i++) heartbeats.next()
      await reader.take(3 * MB)
    }
    expect(cuts()).toBe(before)
    reader.destroy()
  }, 90_000)

  test('who has heard all is told not to come again', async () => {
    const runId = await startRun()
    await ended(runId)
    const path = `/api/runs/${runId}/events`
    const all = idsOf(await (await fetch(server.url + path)).text())
    const after = async (id: number | undefined) =>
      await fetch(server.url + path, { headers: { 'last-event-id': String(id) } })
    const [rest, none] = [await after(all.at(-2)), await after(all.at(-1))]
    expect([rest.status, idsOf(await rest.text())]).toEqual([200, all.slice(-1)])
    expect([none.status, await none.text()]).toEqual([204, ''])
  }, 90_000)

  test('does not take what it has for the whole when the log is removed meanwhile', async () => {
    const runId = await startRun()
    await ended(runId)
    const path = `/api/runs/${runId}/events`
    const reader = await stalledReader(server.url, path)
    await reader.take(MB)
    const { db, close } = openDatabase(databasePath(server.dataDir))
    const future = { ...systemClock, now: () => Date.parse('2100-01-31T12:00:00Z') }
    const log = jsonLog(() => {}, Date.now)
    await openRetention({ db, vault: memoryVault(), clock: future, log }).purgeExpired()
    close()
    const text = await reader.readOn()
    expect(text).toContain('event: log')
    expect(text).not.toContain('event: exit')
    const headers = { 'last-event-id': String(idsOf(text).at(-1)) }
    const rest = await fetch(server.url + path, { headers })
    expect([rest.status, await rest.text()]).toEqual([410, expect.stringContaining('was removed on 2100')])
  }, 90_000)
})
