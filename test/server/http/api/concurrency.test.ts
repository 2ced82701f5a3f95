/** The concurrency setting of a pipeline over the API: stored, shown, cancel-previous and a full queue. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { jsonClient, until } from '../../../support/servers/json-client.ts'
import { startServer, type TestServer } from '../../../support/servers/test-server.ts'

const WAITS = `export const pipeline = async () => {
  await runtime.run({ name: 'wait', command: { path: 'sleep', args: ['60'] } })
}`

let server: TestServer
beforeAll(async () => {
  server = await startServer({ runs: { runsAtOnce: 2, waitingRuns: 1 } })
})
afterAll(() => server.stop())

const send = jsonClient(() => server.url)
const put = (name: string, more: Record<string, unknown> = {}) =>
  send('PUT', `/api/pipelines/${name}`, { source: WAITS, filename: `${name}.ts`, ...more })
const start = async (name: string) =>
  (await send('POST', `/api/pipelines/${name}/run`, {})).json().run_id as string
const stateOf = async (id: string) => (await send('GET', `/api/runs/${id}`)).json()
const stopped = (id: string) =>
  until(
    () => stateOf(id),
    ({ status }) => status === 'stopped',
  )

describe('the concurrency of a pipeline', () => {
  test('is given with its source, kept by the next one, and shown', async () => {
    expect((await put('p')).json().concurrency).toEqual({ mode: 'parallel' })
    const set = { mode: 'parallel', max: 3 }
    expect((await put('p', { concurrency: set })).json().concurrency).toEqual(set)
    expect((await put('p')).json().concurrency).toEqual(set)
    expect((await send('GET', '/api/pipelines/p')).json().concurrency).toEqual(set)
  })

  test('queue, the old word for parallel, is read still and never shown', async () => {
    const old = await put('old', { concurrency: { mode: 'queue', max: 2 } })
    expect(old.json().concurrency).toEqual({ mode: 'parallel', max: 2 })
    expect((await send('GET', '/api/pipelines/old')).json().concurrency).toEqual({ mode: 'parallel', max: 2 })
    expect((await put('old', { concurrency: { mode: 'queue', max: 0 } })).status).toBe(400)
  })

  test.each([
    [{ mode: 'sometimes' }, 'concurrency'],
    [{ mode: 'parallel', max: 0 }, 'max'],
    [{ mode: 'parallel', max: 1.5 }, 'max'],
    [{ mode: 'serial', max: 2 }, 'max'],
    ['serial', 'concurrency'],
  ])('%j is refused', async (concurrency, word) => {
    const answer = await put('bad', { concurrency })
    expect(answer).toMatchObject({ status: 400, text: expect.stringContaining(word) })
  })

  test('cancel-previous: the run before is stopped, and says by which', async () => {
    await put('newest', { concurrency: { mode: 'cancel-previous' } })
    const first = await start('newest')
    await until(
      () => stateOf(first),
      ({ status }) => status === 'running',
    )
    const second = await start('newest')
    expect((await stopped(first)).message).toBe(`cancelled by ${second}, a newer run of this pipeline`)
    await until(
      () => stateOf(second),
      ({ status }) => status === 'running',
    )
    await send('POST', `/api/runs/${second}/stop`)
    await stopped(second)
  })
})

test('with a full queue, a run is refused with 429 and when to come again', async () => {
  await put('p', { concurrency: { mode: 'parallel' } })
  const going = [await start('p'), await start('p')]
  for (const id of going)
    await until(
      () => stateOf(id),
      ({ status }) => status === 'running',
    )
  const waits = await start('p')
  const refused = await send('POST', '/api/pipelines/p/run', {})
  expect(refused.status).toBe(429)
  expect(refused.headers.get('retry-after')).toBe('10')
  expect(refused.json()).toMatchObject({ error: 'busy', retryAfter: 10 })
  expect((await stateOf(waits)).status).toBe('queued')
  for (const id of [waits, ...going]) await send('POST', `/api/runs/${id}/stop`)
  for (const id of [waits, ...going]) await stopped(id)
})
