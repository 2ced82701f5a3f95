/** The page of secrets: names and never values, who sees them, and what its forms change. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Company, openCompany, SCRIPT } from '../company.ts'

let company: Company
beforeAll(async () => {
  company = await openCompany()
  await company.ask('ada', 'PUT', '/api/pipelines/deploy', {
    body: { source: SCRIPT('x'), filename: 'p.ts' },
  })
})
afterAll(() => company.stop())

const names = async (tenant?: string) => {
  const { text } = await company.ask('ada', 'GET', '/api/secrets', tenant === undefined ? {} : { tenant })
  return (JSON.parse(text) as { items: { key: string; pipeline: string | null }[] }).items.map(
    ({ key, pipeline }) => `${key} of ${pipeline}`,
  )
}

describe('Secrets page', () => {
  test('sets one of all pipelines and one of a pipeline, finds them, and deletes for good', async () => {
    const { browser, page } = await company.browse('ada', '/secrets')
    expect(page.html).toContain('There are none yet.')
    const global = { key: 'SLACK_TOKEN', pipeline: '', value: 'a-value-nobody-sees' }
    const done = await browser.submit(page, global, 'Set secret')
    expect(done.html).toContain('Set SLACK_TOKEN of all pipelines.')
    expect(done.html).not.toContain('a-value-nobody-sees')
    await browser.submit(done, { key: 'HOST', pipeline: 'deploy', value: 'one\r\ntwo' }, 'Set secret')
    expect(await names()).toEqual(['SLACK_TOKEN of null', 'HOST of deploy'])

    const found = await browser.open(`${company.server.url}/secrets?find=DEPL`)
    expect(found.html).toContain('<code>HOST</code>')
    expect(found.html).not.toContain('<code>SLACK_TOKEN</code>')
    const deleted = await browser.submit(found, {}, 'Delete for good')
    expect(deleted.html).toContain('Deleted HOST of deploy.')
    expect(await names()).toEqual(['SLACK_TOKEN of null'])
    const again = await browser.submit(found, {}, 'Delete for good')
    expect([again.status, again.html]).toEqual([400, expect.stringContaining('Secret not found')])
  })

  test.each([
    [{ key: '1ST', value: 'a value' }, 'does not begin with a digit'],
    [{ key: 'FOB_X', value: 'a value' }, 'reserved'],
    [{ key: 'SHORT', value: 'abc' }, 'fewer than 4 bytes'],
    [{ key: 'EMPTY', value: '' }, 'empty'],
    [{ key: 'OF_NONE', value: 'a value', pipeline: 'nothing' }, 'nothing'],
  ])('says why %j was not set', async (fields, reason) => {
    const before = await names()
    const { browser, page } = await company.browse('ada', '/secrets')
    const done = await browser.submit(page, { pipeline: '', ...fields }, 'Set secret')
    expect([done.status, done.html]).toEqual([400, expect.stringContaining(reason)])
    expect(await names()).toEqual(before)
  })

  test('takes as many characters as its field says, whatever they are, and says so of more', async () => {
    const { browser, page } = await company.browse('ada', '/secrets')
    const most = Number(/maxlength="(\d{4,})"/.exec(page.html)?.[1])
    const fields = { key: 'LONG', pipeline: '', value: '\u20ac'.repeat(most) }
    expect((await browser.submit(page, fields, 'Set secret')).html).toContain('Set LONG of all pipelines.')
    const more = await browser.submit(page, { ...fields, value: '\u20ac'.repeat(2 * most) }, 'Set secret')
    expect(more.status).toBeGreaterThanOrEqual(400)
    expect(more.html).not.toContain('Set LONG')
  })

  test('a short value is taken when that is ticked', async () => {
    const { browser, page } = await company.browse('ada', '/secrets')
    const done = await browser.submit(
      page,
      { key: 'PIN', value: '123', pipeline: '', short: 'yes' },
      'Set secret',
    )
    expect(done.html).toContain('Set PIN of all pipelines.')
  })

  test('shows a viewer the names and no form, and refuses one that is sent all the same', async () => {
    const { browser, page } = await company.browse('mia', '/secrets?tenant=acme')
    expect(page.status).toBe(200)
    expect(page.html).not.toContain('Set secret')
    const csrf = /name="csrf" value="([^"]+)"/.exec(
      (await browser.open(`${company.server.url}/settings/sessions`)).html,
    )?.[1]
    const answer = await fetch(`${company.server.url}/secrets?tenant=acme`, {
      method: 'POST',
      headers: { cookie: browser.cookies(new URL(company.server.url)), origin: company.server.url },
      body: new URLSearchParams({ csrf: csrf ?? '', do: 'set', key: 'K', value: 'a value', pipeline: '' }),
    })
    expect(answer.status).toBe(403)
  })
})
