/** The page of a pipeline: the secrets that it needs and what starts its runs. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { jsonClient } from '../../../support/servers/json-client.ts'
import { startServer, type TestServer } from '../../../support/servers/test-server.ts'

const NEEDY = `export const pipeline = async () => {
  await runtime.run({ name: 't', command: { path: 'true' }, env: { A: 'secret:SET', B: 'secret:UNSET' } })
}`

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.stop())

const send = jsonClient(() => server.url)
const page = async (name: string) => await (await fetch(`${server.url}/pipelines/${name}`)).text()

test('the page of a pipeline says what it needs and what begins it, and not the names that are the server’s own', async () => {
  const schedules = [{ cron: '0 6 * * 1-5', timeZone: 'Europe/Paris' }]
  const secrets = { SET: 'a long value' }
  await send('PUT', '/api/pipelines/needy', { source: NEEDY, filename: 'needy.ts', secrets, schedules })
  await send('PUT', '/api/pipelines/needy/webhook', { provider: 'github' })
  const html = await page('needy')
  expect(html).toContain('<li><code>SET</code></li>')
  expect(html).toContain('fob secrets set UNSET --pipeline needy')
  expect(html).not.toContain('fob secrets set SET ')
  expect(html).toContain('by a webhook (github)')
  expect(html).toContain('<code>0 6 * * 1-5</code> (Europe/Paris), next')
  expect(html).not.toContain('FOB_')
})

test('of one that only people begin it says nothing of the kind', async () => {
  const source = 'export const pipeline = () => {}'
  await send('PUT', '/api/pipelines/plain', { source, filename: 'plain.ts' })
  const html = await page('plain')
  expect(html).not.toContain('Starts automatically')
  expect(html).not.toContain('role="alert"')
})
