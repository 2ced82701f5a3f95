/** The login pages: failed and slowed attempts, cookies bound to one login, and forms of other sites. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'
import { Secret } from '../../../src/redact/secret.ts'
import { accountIdOf } from '../../../src/server/accounts/user-types.ts'
import { auditEntries } from '../../../src/server/db/schema.ts'
import {
  authorize,
  Browser,
  decide,
  EMAIL,
  location,
  PASSWORD,
  redeem,
  signIn,
  startWorld,
  type World,
} from '../issuer/issuer-harness.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterEach(() => {
  world.time.at = undefined
})
afterAll(() => world.stop())

const right = { email: EMAIL, password: PASSWORD }

async function atLogin() {
  const browser = new Browser(world.url)
  return { browser, login: location(await browser.get(authorize().target)) }
}

describe('the login page', () => {
  test('a wrong password and an unknown e-mail are told the same, and the e-mail need not be typed again', async () => {
    const { browser, login } = await atLogin()
    const said = async (form: Record<string, string>) => {
      const answer = await browser.post(login, form)
      expect(answer.status).toBe(401)
      const page = await answer.text()
      expect(page).toContain(`value="${form.email}"`)
      expect(page).not.toContain(form.password ?? '')
      return /id="problem">([^<]+)</.exec(page)?.[1]
    }
    const wrong = await said({ email: EMAIL, password: 'not the password' })
    expect(wrong).toBe('That e-mail and password do not match an account here.')
    expect(await said({ email: 'nobody@example.com', password: 'not the password' })).toBe(wrong)
    // Told apart in the audit log alone, which never has what was typed.
    const { db, ada } = world
    const tried = await db.select().from(auditEntries).where(eq(auditEntries.outcome, 'refused'))
    expect(tried.map(({ target }) => target)).toEqual([accountIdOf(ada), null])
    expect(location(await browser.post(login, right))).toContain('/oauth/authorize/')
  })

  test('too many attempts are told how long to wait', async () => {
    const { browser, login } = await atLogin()
    const email = 'target@example.com'
    // On a busy machine five guesses take longer than the wait that they earn.
    world.time.at = Date.now()
    for (let i = 0; i < 5; i++) await browser.post(login, { email, password: 'guess' })
    const answer = await browser.post(login, { email, password: 'guess' })
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '1'])
    expect([answer.headers.get('retry-after'), answer.headers.get('ratelimit-remaining')]).toEqual(['1', '0'])
    expect(await answer.text()).toContain('Too many attempts. Try again in 1 second.')
  })

  test('another browser cannot take over the login', async () => {
    const { login } = await atLogin()
    const thief = new Browser(world.url)
    const answer = await thief.get(login)
    expect(answer.status).toBe(410)
    expect(await answer.text()).toContain('fob auth login')
    expect((await thief.post(login, right)).status).toBe(410)
  })

  test('the cookie of one login does not open the page of another', async () => {
    const mine = await atLogin()
    const other = await atLogin()
    const cookie = mine.browser.cookies.find(({ name }) => name === 'fob_interaction')
    const headers = { cookie: `${cookie?.name}=${cookie?.value}` }
    expect((await fetch(world.url + mine.login, { headers })).status).toBe(200)
    expect((await fetch(world.url + other.login, { headers })).status).toBe(410)
  })

  test('a login cannot be skipped by asking for its consent page', async () => {
    const { browser, login } = await atLogin()
    const uid = login.split('/').at(-1)
    const cookie = browser.cookieHeader(login)
    const headers = { cookie, origin: world.url }
    expect((await fetch(`${world.url}/auth/consent/${uid}`, { headers })).status).toBe(410)
    const body = new URLSearchParams({ decision: 'authorize' })
    expect((await fetch(`${world.url}/auth/consent/${uid}`, { method: 'POST', headers, body })).status).toBe(
      410,
    )
  })
})

describe('"Not you? Use another account" on the consent page', () => {
  const bob = { email: 'bob@example.com', password: 'correct horse battery' }
  beforeAll(() => world.accounts.addLocal({ email: bob.email, password: new Secret(bob.password) }))

  test('signs the browser out, and the same login continues as somebody else', async () => {
    const browser = new Browser(world.url)
    const attempt = authorize()
    const consent = await signIn(browser, attempt)
    const page = await (await browser.get(consent)).text()
    expect(page).toContain('Not you?')
    const resumed = location(await browser.post(consent, { decision: 'other_account' }))
    const login = location(await browser.get(resumed))
    expect(login).toContain('/auth/login/')
    expect((await browser.post(consent, { decision: 'authorize' })).status).toBe(410)
    const second = location(await browser.get(location(await browser.post(login, bob))))
    expect(await (await browser.get(second)).text()).toContain(bob.email)
    const end = await decide(browser, second, 'authorize')
    expect(end.searchParams.get('state')).toBe(attempt.state)
    expect((await redeem(world, end.searchParams.get('code') ?? '', attempt)).status).toBe(200)
  })

  test('is no decision on a login page, and not for another browser', async () => {
    const { browser, login } = await atLogin()
    const page = login.replace('/auth/login/', '/auth/consent/')
    expect((await browser.post(page, { decision: 'other_account' })).status).toBe(410)
    const consent = await signIn(new Browser(world.url), authorize())
    expect((await new Browser(world.url).post(consent, { decision: 'other_account' })).status).toBe(410)
  })
})

describe('a form is taken from our own pages alone', () => {
  test.each<[string, Record<string, string>, number]>([
    ['another website', { origin: 'https://evil.example' }, 403],
    ['a sandboxed frame', { origin: 'null' }, 403],
    ['our host by another scheme', { origin: 'https://127.0.0.1' }, 403],
    ['another port of our host', { origin: 'http://127.0.0.1:1' }, 403],
    ['another website, by Sec-Fetch-Site', { 'sec-fetch-site': 'cross-site' }, 403],
    ['a sibling, by Sec-Fetch-Site', { 'sec-fetch-site': 'same-site' }, 403],
    ['nobody says where', {}, 403],
    ['our own page, by Sec-Fetch-Site', { 'sec-fetch-site': 'same-origin' }, 303],
  ])('%s', async (_name, from, status) => {
    const send = async (browser: Browser, path: string, form: Record<string, string>) =>
      fetch(world.url + path, {
        method: 'POST',
        body: new URLSearchParams(form),
        headers: { cookie: browser.cookieHeader(path), ...from },
        redirect: 'manual',
      })
    const { browser, login } = await atLogin()
    expect((await send(browser, login, right)).status).toBe(status)
    const other = new Browser(world.url)
    const consent = await signIn(other, authorize())
    expect((await send(other, consent, { decision: 'authorize' })).status).toBe(status)
  })

  test.each<[string, string, string]>([
    ['another type', 'application/json', '{"email":"a","password":"b"}'],
    ['a missing field', 'application/x-www-form-urlencoded', 'email=a'],
    ['a field given twice', 'application/x-www-form-urlencoded', 'email=a&email=b&password=c'],
    ['more than 16 KiB', 'application/x-www-form-urlencoded', `email=a&password=${'x'.repeat(20_000)}`],
  ])('%s is not a login form', async (_name, type, body) => {
    const { browser, login } = await atLogin()
    const headers = { cookie: browser.cookieHeader(login), origin: world.url, 'content-type': type }
    const answer = await fetch(world.url + login, { method: 'POST', headers, body, redirect: 'manual' })
    expect(answer.status).toBe(400)
  })

  test('a decision that is neither yes nor no is not taken for a yes', async () => {
    const browser = new Browser(world.url)
    const consent = await signIn(browser, authorize())
    expect((await browser.post(consent, { decision: 'maybe' })).status).toBe(400)
    expect((await browser.post(consent, {})).status).toBe(400)
  })
})
