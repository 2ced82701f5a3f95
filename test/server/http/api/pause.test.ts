/** Paused pipelines over the API: refused runs, new sources, audit entries, and resumed runs. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { jsonClient, until } from '../../../support/servers/json-client.ts'
import { startServer, type TestServer } from '../../../support/servers/test-server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer()
  const body = { source: 'export const pipeline = () => console.log("ran")', filename: 'p.ts' }
  expect((await send('PUT', '/api/pipelines/p', body)).status).toBe(201)
})
afterAll(() => server.stop())

const send = jsonClient(() => server.url)

test('a paused pipeline refuses to run, and says how it runs again', async () => {
  const paused = await send('POST', '/api/pipelines/p/pause')
  expect(paused).toMatchObject({ status: 200, text: expect.stringContaining('"paused":true') })
  const run = await send('POST', '/api/pipelines/p/run', {})
  expect(run.status).toBe(409)
  expect(run.text).toContain('pipeline p is paused')
  expect(run.text).toContain('fob pipeline unpause p')
  expect((await send('GET', '/api/runs')).text).toContain('"items":[]')
})

test('a new source leaves it paused', async () => {
  const body = { source: 'export const pipeline = () => console.log("other")', filename: 'p.ts' }
  expect((await send('PUT', '/api/pipelines/p', body)).text).toContain('"paused":true')
  expect((await send('POST', '/api/pipelines/p/run', {})).status).toBe(409)
})

test('unpaused, it runs again; twice is no error', async () => {
  for (let i = 0; i < 2; i++) {
    expect((await send('POST', '/api/pipelines/p/unpause')).text).toContain('"paused":false')
  }
  expect((await send('POST', '/api/pipelines/p/run', {})).status).toBe(202)
})

test('both are on record', async () => {
  const { text } = await send('GET', '/api/audit')
  expect(text).toContain('"action":"pipeline.pause","target":"p"')
  expect(text).toContain('"action":"pipeline.unpause","target":"p"')
})

test.each(['pause', 'unpause'])('%s of what is not there is 404', async (word) => {
  expect((await send('POST', `/api/pipelines/nope/${word}`)).status).toBe(404)
})

const form = (path: string, fields: Record<string, string>) =>
  fetch(server.url + path, {
    method: 'POST',
    redirect: 'manual',
    headers: { origin: server.url },
    body: new URLSearchParams({ csrf: '', ...fields }),
  })
const failed = async (name: string) => {
  const source = 'export const pipeline = () => { throw new Error("on purpose") }'
  await send('PUT', `/api/pipelines/${name}`, { source, filename: 'p.ts' })
  const { run_id: id } = (await send('POST', `/api/pipelines/${name}/run`, {})).json() as { run_id: string }
  await until(
    () => send('GET', `/api/runs/${id}`),
    ({ text }) => text.includes('"status":"failed"'),
  )
  return id
}

describe('a run that has failed', () => {
  test.each([
    ['paused', 'POST', '/pause', 'pipeline paused is paused'],
    ['deleted', 'DELETE', '', 'the pipeline of this run, deleted, was removed'],
  ])('is not resumed by its page either while its pipeline is %s', async (name, method, word, because) => {
    const id = await failed(name)
    expect((await send(method, `/api/pipelines/${name}${word}`)).status).toBeLessThan(300)
    const byApi = await send('POST', `/api/runs/${id}/resume`)
    expect(byApi.status).toBe(409)
    expect(byApi.text).toContain(because)
    const byPage = await form(`/runs/${id}`, { do: 'resume' })
    expect(byPage.status).toBe(409)
    expect(await byPage.text()).toContain(because)
    expect((await send('GET', `/api/runs/${id}`)).text).toContain('"attempt":1')
  })

  test('is resumed by its page else', async () => {
    const id = await failed('again')
    expect((await form(`/runs/${id}`, { do: 'resume' })).status).toBe(303)
  })
})
