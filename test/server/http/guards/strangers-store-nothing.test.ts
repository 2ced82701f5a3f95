/** What somebody unknown can make the server store: nothing without an allowance, and nothing of a login before they type. */
import { Database } from 'bun:sqlite'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { ROUTES } from '../../../../src/server/http/routes.ts'
import { httpBrowser } from '../../../support/servers/http-browser.ts'
import { ADA, startLocalWorld } from '../../../support/servers/server-with-accounts.ts'
import type { TestServer } from '../../../support/servers/test-server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startLocalWorld()
})
afterAll(() => server.stop())

/** The rows of all tables together. */
function rows(): number {
  const db = new Database(join(server.dataDir, 'fob.db'), { readonly: true })
  const tables = db.query<{ name: string }, []>("SELECT name FROM sqlite_master WHERE type = 'table'").all()
  const counts = tables.map(({ name }) =>
    db.query<{ n: number }, []>(`SELECT count(*) AS n FROM "${name}"`).get(),
  )
  db.close()
  return counts.reduce((sum, count) => sum + (count?.n ?? 0), 0)
}

const QUERY = new URLSearchParams({
  client_id: 'fob-cli',
  response_type: 'code',
  redirect_uri: 'http://127.0.0.1:8765/callback',
  scope: 'openid',
  state: 'x'.repeat(500),
  code_challenge: 'a'.repeat(43),
  code_challenge_method: 'S256',
})
const AUTHORIZE = `/oauth/authorize?${QUERY.toString()}`

/** Anybody reaches these, and nothing counts how often. */
const unlimited = ROUTES.filter(
  ({ guard, limit }) => limit === undefined && ['none', 'protocol', 'interaction'].includes(guard),
)

test('there are routes without an allowance, and each only reads', () => {
  expect(unlimited.length).toBeGreaterThan(10)
  expect(unlimited.filter(({ method }) => method !== 'GET')).toEqual([])
})

test.each(unlimited.map(({ path }) => path))('%s stores nothing, however often it is asked', async (path) => {
  const before = rows()
  for (let i = 0; i < 5; i++) {
    const response = await fetch(server.url + path.replace(':uid', 'x'.repeat(43)), { redirect: 'manual' })
    await response.arrayBuffer()
  }
  expect(rows()).toBe(before)
})

test('a login that nobody answers stores nothing, and goes on from the cookie of its browser', async () => {
  const before = rows()
  for (let i = 0; i < 20; i++) await fetch(server.url + AUTHORIZE, { redirect: 'manual' })
  const browser = httpBrowser()
  const page = await browser.open(server.url + AUTHORIZE)
  expect(page.url.pathname).toStartWith('/auth/login/')
  expect(rows()).toBe(before)
  const consent = await browser.submit(page, ADA)
  expect(consent.url.pathname).toStartWith('/auth/consent/')
  expect(rows()).toBeGreaterThan(before)
})

test('authorization requests of one address have an end', async () => {
  const statuses = new Set<number>()
  // The allowance of 300 grows again while they are made, five a second.
  for (let i = 0; i < 600 && !statuses.has(429); i++) {
    const response = await fetch(server.url + AUTHORIZE, { redirect: 'manual' })
    statuses.add(response.status)
  }
  expect([...statuses]).toEqual([303, 429])
})
