/** Changing one's own password, on the page and by the API: what it takes, and which logins are left. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { logIn } from '../../../support/servers/oauth-login.ts'
import { type Company, openCompany, type Person } from '../company.ts'

let company: Company
beforeAll(async () => {
  company = await openCompany()
})
afterAll(() => company.stop())

const OLD = 'correct horse battery'
const NEW = 'staple of another horse'

const emailOf = (who: Person) => `${who}@company.com`
const statusWith = async (token: string) => {
  const response = await fetch(`${company.server.url}/api/v1/profile`, {
    headers: { authorization: `Bearer ${token}` },
  })
  return response.status
}
const logInWith = async (who: Person, password: string) =>
  (await logIn(company.server.url, { email: emailOf(who), password })).access_token
const change = (who: Person, body: unknown) => company.ask(who, 'PUT', '/api/auth/password', { body })

describe('PUT /api/auth/password', () => {
  test('changes it, keeps the login of the request and scoped tokens, and ends all others', async () => {
    const other = await logInWith('ada', OLD)
    const { browser } = await company.browse('ada', '/settings/sessions')
    const made = await company.ask('ada', 'POST', '/api/auth/cli-tokens', {
      body: { name: 'ci', scopes: ['runs:read'], allPipelines: true },
    })
    const { token } = JSON.parse(made.text) as { token: string }

    expect(await change('ada', { current: OLD, password: NEW })).toMatchObject({
      status: 200,
      text: '{"changed":true}',
    })
    expect((await company.ask('ada', 'GET', '/api/v1/profile')).status).toBe(200)
    expect(await statusWith(token)).toBe(200)
    expect(await statusWith(other)).toBe(401)
    const page = await browser.open(`${company.server.url}/settings/sessions`)
    expect(page.url.pathname).toStartWith('/auth/login/')
    expect(await statusWith(await logInWith('ada', NEW))).toBe(200)
    await expect(logInWith('ada', OLD)).rejects.toThrow()
  })

  test.each([
    [{ current: 'not it at all', password: NEW }, 403, 'wrong_password'],
    [{ current: OLD, password: 'short' }, 400, 'at least 8 characters'],
    [{ current: OLD, password: OLD }, 400, 'the new password is the old one'],
    [{ password: NEW }, 400, 'current'],
  ])('refuses %j and changes nothing', async (body, status, why) => {
    expect(await change('eve', body)).toMatchObject({ status, text: expect.stringContaining(why) })
    expect((await company.ask('eve', 'GET', '/api/v1/profile')).status).toBe(200)
  })

  test('counts wrong tries with those of logins, and makes them wait', async () => {
    const statuses: number[] = []
    for (let i = 0; i < 8; i++) {
      statuses.push((await change('mia', { current: `guess ${i} of mine`, password: NEW })).status)
    }
    expect(statuses.slice(0, 4)).toEqual([403, 403, 403, 403])
    expect(statuses).toContain(429)
    const { text } = await company.ask('ada', 'GET', '/api/audit?action=user.passwd&outcome=refused')
    expect(text).toContain('"outcome":"refused"')
    expect(text).not.toContain('guess')
  })

  test('is for the person, not for a token of theirs', async () => {
    const made = await company.ask('ada', 'POST', '/api/auth/cli-tokens', {
      body: { name: 'ci', scopes: ['runs:read'], allPipelines: true },
    })
    const { token } = JSON.parse(made.text) as { token: string }
    const headers = { authorization: `Bearer ${token}` }
    const body = { current: NEW, password: OLD }
    expect((await company.ask(undefined, 'PUT', '/api/auth/password', { body, headers })).status).toBe(403)
    expect((await company.ask(undefined, 'PUT', '/api/auth/password', { body })).status).toBe(401)
  })
})

describe('the page of the own password', () => {
  test('changes it, keeps this browser, and signs out the others and all programs', async () => {
    const program = await logInWith('bob', OLD)
    const { browser: other } = await company.browse('bob', '/settings/sessions')
    const { browser, page } = await company.browse('bob', '/settings/password')
    const words = { current: OLD, password: NEW, again: NEW }
    const done = await browser.submit(page, words, 'Change password')
    expect([done.status, done.html]).toEqual([200, expect.stringContaining('Your password was changed')])
    expect((await browser.open(`${company.server.url}/settings/sessions`)).html).toContain('this browser')
    expect((await other.open(`${company.server.url}/settings/sessions`)).url.pathname).toStartWith(
      '/auth/login/',
    )
    expect(await statusWith(program)).toBe(401)
  })

  test.each([
    [{ current: 'not it at all', password: OLD, again: OLD }, 'The current password is not right'],
    [{ current: NEW, password: OLD, again: 'another one' }, 'The two new passwords differ'],
    [{ current: NEW, password: 'short', again: 'short' }, 'at least 8 characters'],
  ])('says why it does not take %j', async (fields, why) => {
    const { browser } = await company.browse('bob', '/settings/password')
    const login = await browser.open(`${company.server.url}/settings/password`)
    const inside = await browser.submit(login, { email: emailOf('bob'), password: NEW }, 'Sign in')
    const done = await browser.submit(inside, fields, 'Change password')
    expect([done.status, done.html]).toEqual([400, expect.stringContaining(why)])
    expect(done.html).not.toContain(fields.current)
  })
})
