/** The schedules of a pipeline over the API: set, shown, removed, and paused. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { jsonClient, until } from '../../../support/servers/json-client.ts'
import { startServer, type TestServer } from '../../../support/servers/test-server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.stop())

const send = jsonClient(() => server.url)
const SOURCE = 'export const pipeline = () => console.log(pipelineContext.triggeredBy)'
const put = (name: string, more: Record<string, unknown> = {}) =>
  send('PUT', `/api/pipelines/${name}`, { source: SOURCE, filename: `${name}.ts`, ...more })

describe('the schedules of a pipeline', () => {
  test('are given with its source, kept by the next one, shown, and taken away', async () => {
    const schedules = [
      { cron: '0 6 * * 1-5', timeZone: 'Europe/Paris' },
      { cron: '@daily', catchUp: true },
    ]
    const shown = [
      { cron: '0 6 * * 1-5', timeZone: 'Europe/Paris', catchUp: false, missed: 0, lastAt: null },
      { cron: '@daily', timeZone: 'UTC', catchUp: true, nextAt: expect.stringMatching(/T00:00:00.000Z$/) },
    ]
    expect((await put('p', { schedules })).json()).toMatchObject({ schedules: shown })
    expect((await put('p')).json()).toMatchObject({ schedules: shown })
    expect((await send('GET', '/api/pipelines/p')).json()).toMatchObject({ schedules: shown })
    expect((await put('p', { schedules: [] })).json()).toMatchObject({ schedules: [] })
  })

  test.each([
    [[{ cron: '61 * * * *' }], 'not a schedule'],
    [[{ cron: '0 0 30 2 *' }], 'never happens'],
    [[{ cron: '0 0 * * *', timeZone: 'Europe/Nowhere' }], 'no time zone'],
    [[{ cron: '0 0 * * *' }, { cron: '0 0 * * *' }], 'twice'],
    [[{ cron: '0 0 * * *', tz: 'UTC' }], 'tz'],
    [[{ cron: `${'0,'.repeat(200)}0 0 * * *` }], '200'],
    [Array.from({ length: 21 }, (_, i) => ({ cron: `${i} 0 * * *` })), '20'],
  ])('%j is refused, and nothing is kept', async (schedules, word) => {
    const answer = await put('bad', { schedules })
    expect(answer).toMatchObject({ status: 400, text: expect.stringContaining(word) })
    expect((await send('GET', '/api/pipelines/bad')).status).toBe(404)
  })

  test('begin runs, until it is paused', async () => {
    await put('often', { schedules: [{ cron: '* * * * * *' }] })
    const runs = async () =>
      (await send('GET', '/api/runs?pipeline=often')).json().items as { id: string; triggeredBy: string }[]
    const [run] = await until(runs, (items) => items.length > 1)
    expect(run?.triggeredBy).toBe('schedule')
    await send('POST', '/api/pipelines/often/pause')
    const next = async () =>
      ((await send('GET', '/api/pipelines/often')).json().schedules as { nextAt: string }[])[0]?.nextAt
    const passed = async (since: string | undefined) => await until(next, (at) => at !== since)
    // What was on its way when it was paused may still begin; nothing of what comes due later does.
    const first = await passed(await next())
    const known = (await runs()).length
    await passed(await passed(first))
    expect((await runs()).length).toBe(known)
    expect((await send('GET', '/api/audit?actor=schedule')).text).toContain('"action":"run.start"')
  })
})
