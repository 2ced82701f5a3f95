/** Invitations from their creation to the membership, and logins of people whom nobody has added. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../../../src/platform/clock.ts'
import { Secret } from '../../../../src/redact/secret.ts'
import { administer } from '../../../../src/server/administration/open-data-folder.ts'
import { ALL_SCOPES } from '../../../../src/contract/token-scopes.ts'
import { httpBrowser, type HttpBrowser, type Page } from '../../../support/servers/http-browser.ts'
import { logIn } from '../../../support/servers/oauth-login.ts'
import type { TestServer } from '../../../support/servers/test-server.ts'
import { openLogin, startWithIdentityProvider } from '../../../support/stand-ins/all-stand-ins.ts'
import { type Github, startGithub } from '../../../support/stand-ins/github.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

const ADA = { email: 'ada@corp.example', password: 'correct horse battery' }
const RULE = 'Email endsWith "@corp.example" or Provider == "github"'

let server: TestServer
let github: Github
let token: string
/** What the server's clock is ahead of this machine's. */
let ahead = 0

beforeAll(async () => {
  const dataDir = temporaryFolder()
  await administer({ dataDir, clock: systemClock, create: true }, async ({ accounts, tenants }) => {
    const ada = await accounts.addLocal({ email: ADA.email, password: new Secret(ADA.password) })
    const acme = await tenants.add({ slug: 'acme', name: 'Acme Labs' })
    await tenants.setMember({ userId: ada.id, tenantId: acme.id, role: 'admin' })
  })
  const clock = { now: () => Date.now() + ahead, sleep: systemClock.sleep }
  const world = await startWithIdentityProvider('github', startGithub, {
    dataDir,
    passwords: true,
    defaultRole: 'none',
    rbac: RULE,
    clock,
  })
  server = world.server
  github = world.provider
  token = (await logIn(server.url, ADA, ['openid', ...ALL_SCOPES].join(' '))).access_token
})
afterAll(() => server.stop())

let people = 583_231
/** Somebody whom the stand-in for GitHub has from now on, and nobody here knows. */
function newcomer(): { login: string; email: string } {
  people += 1
  const login = `octocat-${people}`
  const email = `${login}@example.com`
  const emails = [{ email, primary: true, verified: true, visibility: null }]
  Object.assign(github.person, { id: people, login, emails })
  return { login, email }
}

async function ask(method: string, path: string, body?: unknown, tenant = 'acme', bearer = token) {
  const response = await fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json', 'x-tenant': tenant },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return {
    status: response.status,
    text,
    json: text.startsWith('{') ? (JSON.parse(text) as never) : undefined,
  }
}

interface Created {
  id: string
  url: string
  email: string | null
}
const invite = async (body: unknown = {}): Promise<Created> =>
  (await ask('POST', '/api/invitations', body)).json ?? { id: '', url: '', email: null }

/** As the link does where scripts run. */
async function openLink(
  { url }: Pick<Created, 'url'>,
  browser = httpBrowser(),
): Promise<{ browser: HttpBrowser; page: Page }> {
  const empty = await browser.open(`${server.url}/invitation?other=yes`)
  return { browser, page: await browser.submit(empty, { secret: url.split('#')[1] ?? '' }, 'Open') }
}

const memberNames = async () => (await ask('GET', '/api/members')).text
const actions = async (action: string) => (await ask('GET', `/api/audit?action=${action}`)).text

describe('an invitation', () => {
  test('makes somebody from a provider a member by logging in, and is used up by it', async () => {
    const { login } = newcomer()
    const created = await invite({ role: 'viewer' })
    expect(created.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/invitation#iv_\w{36}$/)
    const { browser, page } = await openLink(created)
    expect(page.html).toContain('to <strong>Acme Labs</strong> as <strong>Viewer, only reads</strong>')
    const joined = await browser.follow(page, 'Accept with GitHub')
    expect([joined.url.pathname, joined.html]).toEqual([
      '/invitation',
      expect.stringContaining('You are a member'),
    ])
    expect(joined.html).toContain('-t acme')
    expect(await memberNames()).toContain(`"github:${login}"`)
    expect(await actions('invitation.accept')).toContain(created.id)

    newcomer()
    const second = await openLink(created)
    expect([second.page.status, second.page.html]).toEqual([
      404,
      expect.stringContaining('There is no such invitation'),
    ])
  })

  test('is accepted by a button by somebody who is logged in', async () => {
    await administer({ dataDir: server.dataDir, clock: systemClock }, async ({ accounts }) => {
      await accounts.addLocal({
        email: 'bob@corp.example',
        password: new Secret(ADA.password),
        role: 'member',
      })
    })
    const { browser, page } = await openLink(await invite())
    const login = await browser.follow(page, 'Log in with a password')
    const inside = await browser.submit(
      login,
      { email: 'bob@corp.example', password: ADA.password },
      'Sign in',
    )
    expect(inside.url.pathname).toBe('/invitation')
    expect(await memberNames()).not.toContain('bob@corp.example')
    const joined = await browser.submit(inside, {}, 'Accept as')
    expect(joined.html).toContain('You are a member')
    expect(await memberNames()).toContain('bob@corp.example')
  })

  test('for an e-mail lets its owner choose a password, with that e-mail and no other', async () => {
    const created = await invite({ email: 'Carol@Corp.example' })
    expect(created.email).toBe('carol@corp.example')
    const { browser, page } = await openLink(created)
    const differ = { password: 'a long password', again: 'another password' }
    expect((await browser.submit(page, differ, 'Accept and create')).html).toContain(
      'The two passwords differ.',
    )
    const short = { password: 'short', again: 'short' }
    expect((await browser.submit(page, short, 'Accept and create')).html).toContain('at least 8 characters')
    const words = { password: 'a long password', again: 'a long password', email: 'ada@corp.example' }
    const joined = await browser.submit(page, words, 'Accept and create')
    expect([joined.status, joined.html]).toEqual([200, expect.stringContaining('You are a member')])
    expect(await memberNames()).toContain('carol@corp.example')
    const login = { email: 'carol@corp.example', password: 'a long password' }
    expect((await logIn(server.url, login)).access_token).not.toBe('')
  })

  test('by an administrator of one tenant creates no account, and is over when they administer no longer', async () => {
    const eve = { email: 'eve@corp.example', password: ADA.password }
    await administer(
      { dataDir: server.dataDir, clock: systemClock },
      async ({ accounts, members, tenants }) => {
        const acme = (await tenants.list()).find(({ slug }) => slug === 'acme')
        const password = new Secret(eve.password)
        await accounts.addLocal({ email: eve.email, password, role: 'admin', tenant: acme })
        await members.set({ who: 'boss@corp.example', tenantId: 'ten_default', role: 'admin' })
      },
    )
    const hers = (await logIn(server.url, eve, ['openid', ...ALL_SCOPES].join(' '))).access_token
    const created = await ask('POST', '/api/invitations', { email: 'boss@corp.example' }, 'acme', hers)
    expect(created.status).toBe(201)
    const { browser, page } = await openLink(created.json ?? { url: '' })
    expect(page.html).not.toContain('Choose a password')
    expect(page.html).toContain('There is no account with this e-mail and a password yet.')
    const words = { password: 'a long password', again: 'a long password' }
    const forged = {
      ...page,
      html: '<form method="post" action="/invitation/account"><button>Go</button></form>',
    }
    expect((await browser.submit(forged, words, 'Go')).status).toBe(400)
    expect((await ask('GET', '/api/members', undefined, 'default')).text).toMatch(
      /"person":"boss@corp.example"[^}]*"pending":true/,
    )

    const way = await ask('POST', '/api/invitations', { role: 'admin' }, 'acme', hers)
    const { browser: hidden } = await openLink(way.json ?? { url: '' })
    await ask('PUT', '/api/members/eve%40corp.example', { role: 'viewer' })
    expect((await openLink(way.json ?? { url: '' })).page.status).toBe(404)
    newcomer()
    const back = await hidden.open(`${server.url}/invitation/login?provider=github`)
    expect([back.status, back.html]).toEqual([410, expect.stringContaining('This invitation is over')])
    expect((await ask('GET', '/api/invitations')).text).not.toContain(eve.email)
  })

  test('without an e-mail offers no new account: whoever chose an address would pass rules that read it', async () => {
    const { browser, page } = await openLink(await invite())
    expect(page.html).not.toContain('Choose a password')
    const forged = await browser.submit(
      { ...page, html: '<form method="post" action="/invitation/account"></form>' },
      { password: 'a long password', again: 'a long password' },
    )
    expect(forged.status).toBe(400)
  })

  test('for an e-mail is for nobody else, and stays for its owner', async () => {
    const { email } = newcomer()
    const created = await invite({ email: 'somebody@else.example' })
    const { browser, page } = await openLink(created)
    const refused = await browser.follow(page, 'Accept with GitHub')
    expect([refused.status, refused.html]).toEqual([
      403,
      expect.stringContaining('The invitation is not for that account'),
    ])
    expect(await memberNames()).not.toContain(email)
    expect((await ask('GET', '/api/invitations')).text).toContain(created.id)
  })

  test('does not get anybody past the rule, and is not used up by the try', async () => {
    const created = await invite({ email: 'eve@evil.example' })
    const { browser, page } = await openLink(created)
    const words = { password: 'a long password', again: 'a long password' }
    const refused = await browser.submit(page, words, 'Accept and create')
    expect(refused.html).toContain('does not let that e-mail in')
    expect(await memberNames()).not.toContain('eve@evil.example')
    expect((await ask('GET', '/api/invitations')).text).toContain(created.id)
  })

  test('of one tenant is seen and revoked by nobody of another', async () => {
    const created = await invite()
    expect((await ask('GET', '/api/invitations', undefined, 'default')).text).not.toContain(created.id)
    expect((await ask('DELETE', `/api/invitations/${created.id}`, undefined, 'default')).status).toBe(404)
  })

  test.each([
    [{ expiresIn: 5 }, 'at least a minute'],
    [{ expiresIn: 91 * 86_400 }, 'at most 90 days'],
    [{ role: 'king' }, 'admin, member or viewer'],
    [{ email: 'not an e-mail' }, 'that is not an e-mail address'],
  ])('%j is refused', async (body, why) => {
    expect(await ask('POST', '/api/invitations', body)).toMatchObject({
      status: 400,
      text: expect.stringContaining(why),
    })
  })

  test('has a secret that is in no log, no list and no file', async () => {
    const { browser } = await openLink(await invite())
    const { id, url } = await invite()
    await openLink({ url }, browser)
    const secret = url.split('#')[1] ?? ''
    const listed = (await ask('GET', '/api/invitations')).text + (await actions('invitation'))
    expect(listed).toContain(id)
    expect(listed + server.log()).not.toContain(secret)
    for (const name of readdirSync(server.dataDir)) {
      if (!name.startsWith('fob.db')) continue
      expect(readFileSync(join(server.dataDir, name)).includes(secret)).toBe(false)
    }
  })

  test('is not accepted because another website sends the browser to the provider', async () => {
    const { login } = newcomer()
    const { browser } = await openLink(await invite())
    const response = await fetch(`${server.url}/invitation/login?provider=github`, {
      redirect: 'manual',
      headers: {
        cookie: browser.cookies(new URL(`${server.url}/invitation`)),
        'sec-fetch-site': 'cross-site',
      },
    })
    expect(response.headers.get('location')).toBe('/invitation')
    expect(await memberNames()).not.toContain(login)
  })
})

describe('a token of an administrator, whatever its scopes', () => {
  test('lets nobody in: who was let in would stay when it is revoked', async () => {
    const made = await ask('POST', '/api/auth/cli-tokens', {
      name: 'ci',
      scopes: ALL_SCOPES,
      allPipelines: true,
    })
    const { token: leaked } = made.json ?? { token: '' }
    for (const [method, path] of [
      ['PUT', '/api/members/github%3Amallory'],
      ['DELETE', '/api/members/bob%40corp.example'],
      ['POST', '/api/invitations'],
      ['DELETE', '/api/invitations/inv_1'],
    ] as const) {
      const headers = { authorization: `Bearer ${leaked}`, 'content-type': 'application/json' }
      const response = await fetch(server.url + path, { method, headers, body: '{}' })
      expect([path, response.status, await response.text()]).toEqual([
        path,
        403,
        expect.stringContaining('login_required'),
      ])
    }
  })
})

describe('somebody whom nobody has added', () => {
  test('is told so on the login page, and is no member afterwards', async () => {
    const { login } = newcomer()
    const browser = httpBrowser()
    const page = await browser.follow(await browser.open(`${server.url}/settings/sessions`), 'GitHub')
    expect([page.url.pathname, page.html]).toEqual([
      expect.stringContaining('/auth/login/'),
      expect.stringContaining('not a member of anything here yet'),
    ])
    expect(await memberNames()).not.toContain(login)
    const log = await ask('GET', '/api/audit?action=login&outcome=refused', undefined, 'default')
    expect(log.text).toContain(`"target":"github:${people}"`)
  })

  test('ends the login of a program at once, which is told why', async () => {
    newcomer()
    const { browser, page } = await openLogin(server.url)
    const { searchParams } = (await browser.follow(page, 'GitHub')).url
    expect(searchParams.get('error')).toBe('access_denied')
    expect(searchParams.get('error_description')).toContain('not a member of anything here yet')
  })

  test('is let in once an administrator has added the login, and stays by ID', async () => {
    const { login } = newcomer()
    const added = await ask('PUT', `/api/members/github%3A${login}`, { role: 'viewer' })
    expect(added.json).toMatchObject({ pending: true, person: `github:${login}`, role: 'viewer' })
    const browser = httpBrowser()
    const open = await browser.open(`${server.url}/settings/sessions`)
    expect((await browser.follow(open, 'GitHub')).html).toContain('this browser')
    const members = (await ask('GET', '/api/members')).json as never as {
      items: { person: string; pending: boolean }[]
    }
    expect(members.items.find(({ person }) => person === `github:${login}`)).toMatchObject({ pending: false })
  })
})

describe('the page of members', () => {
  test('adds somebody before the first login, shows them as pending, and removes them', async () => {
    const { browser, page } = await asAda('/settings/members?tenant=acme')
    const added = await browser.submit(page, { user: 'dan@corp.example', role: 'viewer' }, 'Add member')
    expect(added.html).toContain('dan@corp.example becomes viewer at the first login.')
    expect(added.html).toContain('<span class="badge">pending</span>')
    const removed = await browser.submit(added, {}, 'Remove<span class="unseen"> dan@corp.example')
    expect(removed.html).toContain('dan@corp.example will not become a member.')
  })

  test('creates an invitation, shows its link once, and revokes it', async () => {
    const { browser, page } = await asAda('/settings/members?tenant=acme')
    const fields = { email: 'erin@corp.example', role: 'member', days: '30' }
    const created = await browser.submit(page, fields, 'Create invitation')
    expect([created.status, created.html]).toEqual([201, expect.stringContaining('/invitation#iv_')])
    const members = await browser.open(`${server.url}/settings/members?tenant=acme`)
    expect(members.html).toContain('erin@corp.example')
    expect(members.html).not.toContain('#iv_')
    const revoked = await browser.submit(members, {}, 'the one for erin@corp.example')
    expect(revoked.html).toContain('The invitation was revoked.')
    const refused = await browser.submit(page, { ...fields, email: 'x' }, 'Create invitation')
    expect([refused.status, refused.html]).toEqual([400, expect.stringContaining('not an e-mail address')])
  })
})

async function asAda(path: string): Promise<{ browser: HttpBrowser; page: Page }> {
  const browser = httpBrowser()
  await browser.submit(await browser.open(server.url + path), ADA, 'Sign in')
  return { browser, page: await browser.open(server.url + path) }
}

// The last one: time does not run back, and logins of an hour ago are over.
describe('an invitation in time', () => {
  test('is over after its time, and when it is revoked', async () => {
    const [old, revoked] = [await invite({ expiresIn: 3600 }), await invite()]
    const opened = await openLink(old)
    expect((await ask('DELETE', `/api/invitations/${revoked.id}`)).status).toBe(204)
    expect((await ask('DELETE', `/api/invitations/${revoked.id}`)).status).toBe(404)
    expect((await openLink(revoked)).page.status).toBe(404)
    ahead = 59 * 60_000
    expect((await openLink(old)).page.status).toBe(200)
    ahead = 60 * 60_000
    expect((await openLink(old)).page.status).toBe(404)
    const late = await opened.browser.open(`${server.url}/invitation`)
    expect([late.status, late.html]).toEqual([200, expect.stringContaining('Open an invitation')])
  })
})
