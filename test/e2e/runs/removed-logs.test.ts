/** Runs whose log was removed: in the commands, the events, the page, MCP, and the sweep after the start. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'
import { systemClock } from '../../../src/platform/clock.ts'
import { openDatabase } from '../../../src/server/db/open-database.ts'
import { runs } from '../../../src/server/db/schema.ts'
import { jsonLog } from '../../../src/server/log.ts'
import { openRetention } from '../../../src/server/runs/journal/apply-retention.ts'
import { databasePath } from '../../../src/server/db/database-files.ts'
import { fob, type Running, start } from '../../support/client/compiled-binary.ts'
import { jsonClient, until } from '../../support/servers/json-client.ts'
import { connectHost } from '../../support/servers/mcp-client.ts'
import { memoryVault } from '../../support/servers/memory-vault.ts'
import { freePort } from '../../support/free-port.ts'
import { startServer, type TestServer } from '../../support/servers/test-server.ts'
import { temporaryFolder } from '../../support/temporary.ts'

/** What a person sees of a run whose log was removed. The server is in this process, so that its time can pass. */

let server: TestServer
let runId: string
const send = jsonClient(() => server.url)

beforeAll(async () => {
  server = await startServer()
  const source = `export const pipeline = async () => { console.log('canary-output'); throw new Error('why') }`
  await send('PUT', '/api/pipelines/old', { source, filename: 'old.ts' })
  runId = String((await send('POST', '/api/pipelines/old/run', {})).json().run_id)
  await until(
    () => send('GET', `/api/runs/${runId}`),
    ({ text }) => text.includes('"status":"failed"'),
  )
  expect((await send('GET', `/runs/${runId}`)).text).toContain('canary-output')

  const { db, close } = openDatabase(databasePath(server.dataDir))
  const clock = { ...systemClock, now: () => Date.parse('2100-01-31T12:00:00Z') }
  const log = jsonLog(() => {}, Date.now)
  await openRetention({ db, vault: memoryVault(), clock, log }).purgeExpired()
  close()
})
afterAll(() => server.stop())

describe('a run whose log was removed', () => {
  test('is shown, and says since when', async () => {
    const shown = await fob(['runs', 'show', runId, '-s', server.url])
    expect(shown.code).toBe(0)
    expect(shown.out).toMatch(/^log\s+removed 2100-01-31T12:00:00\.000Z$/m)
    expect(shown.out).toMatch(/^status\s+failed$/m)
    const answer = await send('GET', `/api/runs/${runId}`)
    expect(answer.json()).toMatchObject({ status: 'failed', logRemovedAt: '2100-01-31T12:00:00.000Z' })
  })

  test.each([[[]], [['-f']]])('has no log to print: runs logs %p', async (flags) => {
    const printed = await fob(['runs', 'logs', runId, ...flags, '-s', server.url])
    expect([printed.code, printed.out]).toEqual([6, ''])
    expect(printed.err).toContain(`the log of ${runId} was removed on 2100-01-31T12:00:00.000Z`)
    expect(printed.err).toContain(`fob runs show ${runId}`)
  })

  test('has none to download, and its events are its end', async () => {
    const download = await send('GET', `/api/runs/${runId}/log`)
    expect([download.status, download.json().error]).toEqual([410, 'log_removed'])
    const events = await send('GET', `/api/runs/${runId}/events`)
    expect(events.text.match(/^event: .*$/gm)).toEqual(['event: exit'])
    expect(events.text).toContain('why')
  })

  test('cannot be resumed', async () => {
    const resumed = await fob(['runs', 'resume', runId, '-s', server.url])
    expect([resumed.code, resumed.err]).toEqual([1, expect.stringContaining('its log was removed')])
    expect((await send('POST', `/api/runs/${runId}/resume`)).status).toBe(409)
  })

  test('has a page that says so and offers nothing that does not work', async () => {
    const { status, text } = await send('GET', `/runs/${runId}`)
    expect(status).toBe(200)
    expect(text).toContain('The log was removed <time datetime="2100-01-31T12:00:00.000Z"')
    for (const gone of ['canary-output', 'Resume', 'Download', '/assets/run.js', 'id="log"']) {
      expect(text).not.toContain(gone)
    }
  })

  test('tells a tool the same', async () => {
    const host = await connectHost(`${server.url}/mcp`)
    const { isError, text } = await host.call('get_run_log', { run: runId })
    expect([isError, text]).toEqual([
      true,
      expect.stringContaining('was removed on 2100-01-31T12:00:00.000Z'),
    ])
    await host.close()
  })
})

async function end({ child, ended }: Running): Promise<void> {
  child.kill('SIGINT')
  await ended
}
const isOver = ({ text }: { text: string }) => text.includes('"status":"success"')
const isRemoved = ({ text }: { text: string }) => text.includes('"logRemovedAt":"2')

test('a server removes what is too old by itself, soon after its start', async () => {
  const old = temporaryFolder()
  const flags = ['server', '--listen', `127.0.0.1:${freePort()}`, '--data', old]
  const url = `http://${flags[2]}`
  const begin = async (...more: string[]) => {
    const running = start([...flags, ...more])
    await running.saw('"listening"')
    return running
  }
  const first = await begin()
  const ask = jsonClient(() => url)
  await ask('PUT', '/api/pipelines/p', {
    source: 'export const pipeline = () => console.log("hi")',
    filename: 'p.ts',
  })
  const ids = [1, 2].map(async () => String((await ask('POST', '/api/pipelines/p/run', {})).json().run_id))
  const [aged = '', fresh = ''] = await Promise.all(ids)
  for (const id of [aged, fresh]) await until(() => ask('GET', `/api/runs/${id}`), isOver)
  await end(first)

  const { db, close } = openDatabase(databasePath(old))
  const endedAt = Date.now() - 31 * 24 * 60 * 60_000
  db.update(runs).set({ endedAt }).where(eq(runs.id, aged)).run()
  close()
  const second = await begin('--keep-logs', '30d')
  await until(() => ask('GET', `/api/runs/${aged}`), isRemoved)
  expect((await ask('GET', `/api/runs/${fresh}/log`)).text).toBe('hi\n')
  expect((await ask('GET', `/api/runs/${aged}/log`)).status).toBe(410)
  await end(second)
}, 60_000)
