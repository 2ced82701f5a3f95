/** The list of runs as a page and in the API: its filters, where they are kept, and what an empty result says. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'
import { databasePath } from '../../../../src/server/db/database-files.ts'
import { newId } from '../../../../src/server/db/new-id.ts'
import { openDatabase } from '../../../../src/server/db/open-database.ts'
import { runs as table } from '../../../../src/server/db/schema.ts'
import { type Company, openCompany, SCRIPT } from '../company.ts'
import type { HttpBrowser } from '../../../support/servers/http-browser.ts'

let company: Company
let browser: HttpBrowser
/** By what started it. */
const runs: Record<'ada' | 'token' | 'bob', string> = { ada: '', token: '', bob: '' }

const start = async (
  who: 'ada' | 'bob' | undefined,
  name: string,
  headers: Record<string, string> = {},
): Promise<string> => {
  const { text } = await company.ask(who, 'POST', `/api/pipelines/${name}/run`, { body: {}, headers })
  return (JSON.parse(text) as { run_id: string }).run_id
}

beforeAll(async () => {
  company = await openCompany()
  for (const name of ['deploy', 'test']) {
    const body = { source: SCRIPT(name), filename: 'p.ts' }
    await company.ask('ada', 'PUT', `/api/pipelines/${name}`, { body })
  }
  runs.ada = await start('ada', 'deploy')
  const wanted = { name: 'Nightly builds', scopes: ['runs:trigger'], allPipelines: true }
  const created = await company.ask('ada', 'POST', '/api/auth/cli-tokens', { body: wanted })
  const { id, token } = JSON.parse(created.text) as { id: string; token: string }
  runs.token = await start(undefined, 'test', { authorization: `Bearer ${token}` })
  await company.ask('ada', 'DELETE', `/api/auth/cli-tokens/${id}`)
  runs.bob = await start('bob', 'test')
  ;({ browser } = await company.browse('ada', '/runs'))
})
afterAll(() => company.stop())

const page = (query: string) => browser.open(`${company.server.url}/runs?${query}`)
const shown = (html: string) => [...html.matchAll(/<code>(run_[0-9a-f]{32})<\/code>/g)].map(([, id]) => id)
const listed = async (query: string) => {
  const { text } = await company.ask('ada', 'GET', `/api/runs?${query}`)
  return (JSON.parse(text) as { items: { id: string; tokenName: string | null }[] }).items
}

describe('the filters of runs', () => {
  test.each<[string, (keyof typeof runs)[]]>([
    ['', ['bob', 'token', 'ada']],
    ['pipeline=test', ['bob', 'token']],
    ['by=ada%40', ['token', 'ada']],
    ['by=BOB', ['bob']],
    ['by=nightly', ['token']],
    ['by=schedule', []],
    ['by=ada&pipeline=deploy', ['ada']],
    ['since=1h', ['bob', 'token', 'ada']],
    ['until=1h', []],
    ['since=2020-01-01&until=2020-12-31', []],
  ])('%j are the same on the page and in the API', async (query, expected) => {
    const ids = expected.map((name) => runs[name])
    expect(shown((await page(query)).html)).toEqual(ids)
    expect((await listed(query)).map(({ id }) => id)).toEqual(ids)
  })

  test('a token that was deleted is still named, and can be looked for', async () => {
    const [run] = await listed('by=Nightly builds')
    expect(run?.tokenName).toBe('Nightly builds')
    expect((await page('by=nightly')).html).toContain('(token Nightly builds)')
  })

  test.each([
    ['since=yesterday', 'takes an age such as 24h'],
    ['until=2026-02-30', 'takes an age such as 24h'],
    ['status=faild', 'tatus takes one of queued'],
  ])('%s: the page says what it takes, and keeps what was typed', async (query, words) => {
    const [name, value] = query.split('=')
    const { status, html } = await page(`${query}&by=ada`)
    expect([status, html]).toEqual([400, expect.stringContaining(words)])
    expect(html).toContain('value="ada"')
    if (name !== 'status') expect(html).toContain(`value="${value}"`)
    expect((await company.ask('ada', 'GET', `/api/runs?${query}`)).status).toBe(400)
  })

  test('no match says so, and offers to clear the filters; fields left empty are no filters', async () => {
    const none = await page('tenant=default&pipeline=&status=&by=carol&since=&until=')
    expect(none.html).toContain('No run matches these filters.')
    expect(none.html).toContain('<a href="/runs">Clear the filters</a>')
    const all = await page('tenant=default&pipeline=&status=&by=&since=&until=')
    expect(shown(all.html)).toHaveLength(3)
    expect(all.html).not.toContain('Clear the filters')
  })

  test('the tenant switch and the form of another tenant keep the filters', async () => {
    const { browser: mia } = await company.browse('mia', '/runs')
    const { html } = await mia.open(`${company.server.url}/runs?tenant=acme&by=x&status=failed`)
    const [menu = ''] = /<form[^>]*aria-label="Tenant">[\s\S]*?<\/form>/.exec(html) ?? []
    expect(menu).toContain('<input type="hidden" name="by" value="x" />')
    expect(menu).toContain('<input type="hidden" name="status" value="failed" />')
    const [form = ''] = /<form[^>]*aria-label="Filter the runs">[\s\S]*?<\/form>/.exec(html) ?? []
    expect(form).toContain('<input type="hidden" name="tenant" value="acme" />')
    expect(html).toContain('<a href="/runs?tenant=acme">Clear the filters</a>')
  })
})

test('the next page of a filtered list has the filters in its address', async () => {
  const { db, close } = openDatabase(databasePath(company.server.dataDir))
  const [like] = await db.select().from(table).where(eq(table.id, runs.ada))
  if (like === undefined) throw new Error('the run is on record')
  const copies = Array.from({ length: 51 }, () => ({
    ...like,
    id: newId('run'),
    triggeredBy: 'bob@company.com',
  }))
  await db.insert(table).values(copies)
  close()
  const { html } = await page('by=bob&pipeline=deploy')
  const [, href = ''] = /<a href="([^"]+)">Older runs<\/a>/.exec(html) ?? []
  const address = new URL(href.replaceAll('&amp;', '&'), company.server.url)
  expect(Object.fromEntries(address.searchParams)).toEqual({
    pipeline: 'deploy',
    by: 'bob',
    cursor: expect.stringContaining('run_'),
  })
  expect(shown((await browser.open(address.href)).html)).toHaveLength(1)
})
