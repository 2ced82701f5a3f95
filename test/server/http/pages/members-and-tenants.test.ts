/** The pages of tenants, members and the audit log: who sees them, and what their forms change. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Company, openCompany } from '../company.ts'

/** The pages for administrators, as a browser without scripts uses them. */

let company: Company
beforeAll(async () => {
  company = await openCompany()
})
afterAll(() => company.stop())

const roleOf = async (who: 'bob' | 'mia', tenant: string) => {
  const { text } = await company.ask(who, 'GET', '/api/v1/tenants')
  const { items } = JSON.parse(text) as { items: { slug: string; role: string }[] }
  return items.find(({ slug }) => slug === tenant)?.role
}

const targets = (html: string, pattern: RegExp) =>
  [...html.matchAll(pattern)].map(([, target]) => target ?? '')

describe('Tenants', () => {
  test('shows where somebody belongs, and links what they administer', async () => {
    const { page } = await company.browse('mia', '/settings/tenants')
    expect(page.html).toContain('Acme Labs')
    expect(page.html).toContain('Viewer, only reads')
    expect(page.html).not.toContain('/settings/members')
    expect(page.html).not.toContain('Add a tenant')
  })

  test('lets an administrator of the server add one, whose first administrator they are', async () => {
    const { browser, page } = await company.browse('ada', '/settings/tenants')
    const done = await browser.submit(page, { slug: 'labs', name: '<b>Labs</b>' }, 'Add tenant')
    expect(done.html).toContain('Added labs.')
    expect(done.html).toContain('&lt;b&gt;Labs&lt;/b&gt;')
    const again = await browser.submit(done, { slug: 'labs', name: '' }, 'Add tenant')
    expect([again.status, again.html]).toEqual([
      400,
      expect.stringContaining('There is a tenant labs already.'),
    ])
    const members = await browser.open(`${company.server.url}/settings/members?tenant=labs`)
    expect(members.html).toContain('ada@company.com')
  })
})

describe('The menu', () => {
  test('switches between the tenants of a person, and every link then stays in the chosen one', async () => {
    const { browser, page } = await company.browse('mia', '/pipelines')
    const acme = await browser.open(
      `${company.server.url}${/<form method="get" action="([^"]+)"/.exec(page.html)?.[1]}?tenant=acme`,
    )
    expect(acme.html).toMatch(/value="acme"\s+selected/)
    for (const start of ['/pipelines', '/runs', '/secrets', '/settings/sessions', '/settings/tokens/new']) {
      const { html } = await browser.open(`${company.server.url}${start}?tenant=acme`)
      const inside = targets(html, /(?:href|action)="(\/[^"]*)"/g).filter(
        (target) => !target.startsWith('/assets/') && target !== '/auth/logout',
      )
      // The forms that search and switch have the tenant among their fields.
      const forms = targets(html, /<form method="get" action="([^"]*)"/g)
      expect(inside.length).toBeGreaterThan(4)
      const left = inside.filter((target) => !target.includes('tenant=acme') && !forms.includes(target))
      expect(left).toEqual([])
    }
  })

  test('offers no choice to a member of one tenant, and leads from the settings back', async () => {
    const { browser, page } = await company.browse('bob', '/settings/sessions')
    expect(page.html).not.toContain('aria-label="Tenant"')
    expect((await browser.follow(page, 'Pipelines')).url.pathname).toBe('/pipelines')
    expect((await browser.follow(page, 'Settings')).url.pathname).toBe('/settings/sessions')
  })
})

describe('Members', () => {
  test('lists the tenant, changes a role, adds and removes; each is recorded', async () => {
    const { browser, page } = await company.browse('ada', '/settings/members')
    for (const email of ['ada@company.com', 'bob@company.com', 'mia@company.com']) {
      expect(page.html).toContain(email)
    }
    expect(page.html).not.toContain('eve@company.com')
    const bob =
      /name="user" value="(usr_\w+)"(?:(?!<\/form>)[\s\S])*the role of bob@/.exec(page.html)?.[1] ?? ''
    const changed = await browser.submit(page, { user: bob, role: 'viewer' }, 'the role of bob@company.com')
    expect(changed.html).toContain('bob@company.com is viewer now.')
    expect(await roleOf('bob', 'default')).toBe('viewer')

    const secret = { body: { value: 'some-value' } }
    expect((await company.ask('bob', 'PUT', '/api/secrets/K', secret)).status).toBe(403)

    const refused = await browser.submit(changed, { role: 'viewer' }, 'Remove<span class="unseen"> bob')
    expect([refused.status, refused.html]).toEqual([400, expect.stringContaining('only tenant')])

    const labs = await browser.open(`${company.server.url}/settings/members?tenant=labs`)
    const added = await browser.submit(labs, { user: 'bob@company.com', role: 'member' }, 'Add member')
    expect(added.html).toContain('bob@company.com is member now.')
    expect(await roleOf('bob', 'labs')).toBe('member')
    const removed = await browser.submit(added, { role: 'member' }, 'Remove<span class="unseen"> bob')
    expect(removed.html).toContain('no longer a member')
    expect(await roleOf('bob', 'labs')).toBeUndefined()

    const log = await company.ask('ada', 'GET', '/api/audit?action=member.set', { tenant: 'labs' })
    expect(log.text).toContain('"role":"member"')
  })

  test('says so when there is no such user', async () => {
    const { browser, page } = await company.browse('ada', '/settings/members')
    const done = await browser.submit(page, { user: 'nobody', role: 'admin' }, 'Add member')
    expect([done.status, done.html]).toEqual([400, expect.stringContaining('There is no user nobody')])
  })

  test.each([
    ['mia', ''],
    ['mia', '?tenant=acme'],
    ['bob', '?tenant=acme'],
    ['eve', '?tenant=default'],
  ] as const)('is refused to %s%s', async (who, query) => {
    for (const path of ['/settings/members', '/settings/audit']) {
      const { page } = await company.browse(who, path + query)
      expect(page.status).toBe(403)
      expect(page.html).not.toContain('ada@company.com')
    }
  })

  test('takes no form without the value of the session', async () => {
    const { browser } = await company.browse('ada', '/settings/members')
    const answer = await fetch(`${company.server.url}/settings/members`, {
      method: 'POST',
      headers: { cookie: browser.cookies(new URL(company.server.url)), origin: company.server.url },
      body: new URLSearchParams({ user: 'mia@company.com', role: 'admin', do: 'add', csrf: 'guessed' }),
    })
    expect(answer.status).toBe(403)
    expect(await roleOf('mia', 'default')).toBe('member')
  })
})

describe('Audit log', () => {
  test('shows what was done, filters it, and escapes it', async () => {
    const name = encodeURIComponent('<script>alert(1)</script>')
    await company.ask(undefined, 'POST', '/api/auth/login', {
      body: { email: 'ada@company.com', password: 'wrong one' },
    })
    await company.ask('ada', 'PUT', '/api/secrets/SHOWN', { body: { value: 'some-value' } })
    const { browser, page } = await company.browse('ada', `/settings/audit?actor=${name}`)
    expect(page.html).not.toContain('<script>')
    expect(page.html).toContain('There is nothing to show.')
    const all = await browser.open(`${company.server.url}/settings/audit`)
    expect(all.html).toContain('SHOWN')
    expect(all.html).toContain('refused')
    const logins = await browser.open(`${company.server.url}/settings/audit?action=LOG&actor=anon`)
    expect(logins.html).not.toContain('SHOWN')
    const paged = await browser.open(`${company.server.url}/settings/audit?limit=2`)
    expect(paged.html).toContain('Older entries')
  })
})
