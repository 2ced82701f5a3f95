/** The server's side of the device flow (RFC 8628): codes, confirmation, CSRF and malformed forms. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { ALL_SCOPES } from '../../../../src/contract/token-scopes.ts'
import { programOf } from '../../../../src/server/issuer/protocol/device-flow-configuration.ts'
import { httpBrowser, type HttpBrowser } from '../../../support/servers/http-browser.ts'
import { ADA, BOB, loggedInBrowser, startLocalWorld } from '../../../support/servers/server-with-accounts.ts'
import type { TestServer } from '../../../support/servers/test-server.ts'
import { startGithub } from '../../../support/stand-ins/github.ts'
import { startWithIdentityProvider } from '../../../support/stand-ins/all-stand-ins.ts'

let server: TestServer
let ada: HttpBrowser
beforeAll(async () => {
  server = await startLocalWorld()
  ada = await loggedInBrowser(server, ADA)
})
afterAll(() => server.stop())

interface Device {
  device_code: string
  user_code: string
  verification_uri: string
  verification_uri_complete: string
  expires_in: number
}

const post = (at: TestServer, path: string, form: Record<string, string>) =>
  fetch(at.url + path, {
    method: 'POST',
    body: new URLSearchParams(form),
    headers: { 'user-agent': 'fob/1.0 (build-host-7)' },
  })

async function begin(at = server, form: Record<string, string> = {}): Promise<Device> {
  const answer = await post(at, '/oauth/device_authorization', { client_id: 'fob-cli', ...form })
  expect(answer.status).toBe(200)
  return (await answer.json()) as Device
}

async function poll(device: Device, at = server) {
  const answer = await post(at, '/oauth/token', {
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    client_id: 'fob-cli',
    device_code: device.device_code,
  })
  return (await answer.json()) as {
    error?: string
    access_token?: string
    refresh_token?: string
    scope?: string
  }
}

const profile = async (token: string | undefined, at = server) => {
  const headers = { authorization: `Bearer ${token}` }
  return (await (await fetch(`${at.url}/api/v1/profile`, { headers })).json()) as Record<string, unknown>
}

describe('S41 R7: the device flow (RFC 8628)', () => {
  test.each([
    ['a scope that does not exist', 'foo', 400],
    ['one that does beside it', 'foo runs:read', 200],
  ])('%s', async (_name, scope, status) => {
    const answer = await post(server, '/oauth/device_authorization', { client_id: 'fob-cli', scope })
    expect(answer.status).toBe(status)
    const { error } = (await answer.json()) as { error?: string }
    expect(error).toBe(status === 400 ? 'invalid_scope' : undefined)
  })

  test('code, login, confirmation, consent, and the device has a token', async () => {
    const device = await begin()
    expect(device).toMatchObject({ verification_uri: `${server.url}/auth/device`, expires_in: 600 })
    expect(device.user_code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/)
    expect(device.device_code).not.toContain(device.user_code)
    expect((await poll(device)).error).toBe('authorization_pending')

    const browser = httpBrowser()
    const enter = await browser.open(device.verification_uri)
    // As people type: small letters, no dash.
    const confirm = await browser.submit(enter, {
      user_code: device.user_code.toLowerCase().replace('-', ' '),
    })
    for (const text of [
      device.user_code,
      'fob, the command line',
      '>fob 1.0 on build-host-7<',
      '127.0.0.1',
    ]) {
      expect(confirm.html).toContain(text)
    }
    const login = await browser.submit(confirm, {}, 'Continue')
    const consent = await browser.submit(login, ADA)
    expect(consent.html).toContain('The device that showed you the code will be logged in')
    expect(consent.html).toContain(ADA.email)
    expect((await poll(device)).error).toBeOneOf(['authorization_pending', 'slow_down'])
    const done = await browser.submit(consent, {}, 'Authorize')
    expect(done.html).toContain('Your device is logged in')

    const tokens = await poll(device)
    expect(tokens.scope).toBe(ALL_SCOPES.join(' '))
    expect(tokens.refresh_token).toBeString()
    expect(await profile(tokens.access_token)).toMatchObject({ email: ADA.email })
    // The code is used up, and its reuse ends what it got.
    expect((await poll(device)).error).toBe('invalid_grant')
  })

  test('"Not you? Use another account" on its consent page: the device gets what somebody else consents to', async () => {
    const device = await begin()
    const browser = httpBrowser()
    const enter = await browser.open(device.verification_uri)
    const confirm = await browser.submit(enter, { user_code: device.user_code })
    const login = await browser.submit(confirm, {}, 'Continue')
    const consent = await browser.submit(login, ADA)
    const again = await browser.submit(consent, {}, 'Use another account')
    expect(again.html).toContain('Sign in')
    expect((await poll(device)).error).toBe('authorization_pending')
    const second = await browser.submit(again, BOB)
    expect(second.html).toContain(BOB.email)
    await browser.submit(second, {}, 'Authorize')
    expect(await profile((await poll(device)).access_token)).toMatchObject({ email: BOB.email })
  })

  test('RFC 8628 §3.5: a client that polls too soon is told to slow down, and another one is not', async () => {
    const [device, other] = [await begin(), await begin()]
    expect((await poll(device)).error).toBe('authorization_pending')
    expect((await poll(device)).error).toBe('slow_down')
    expect((await poll(device)).error).toBe('slow_down')
    expect((await poll(other)).error).toBe('authorization_pending')
  })

  test('RFC 8628 §3.3.1: the link with the code in it fills the form, and sends nothing by itself', async () => {
    const device = await begin()
    const page = await ada.open(device.verification_uri_complete)
    expect(page.status).toBe(200)
    expect(page.html).toContain(`value="${device.user_code}"`)
    expect(page.html).not.toContain('<script')
    const confirm = await ada.submit(page, { user_code: device.user_code })
    expect(confirm.html).toContain('Is this your device?')
    const consent = await ada.submit(confirm, {}, 'Continue')
    await ada.submit(consent, {}, 'Authorize')
    expect(await profile((await poll(device)).access_token)).toMatchObject({ email: ADA.email })
  })

  test('what stands in the link is not markup', async () => {
    const page = await ada.open(
      `${server.url}/auth/device?user_code=${encodeURIComponent('"><script>x</script>')}`,
    )
    expect(page.html).not.toContain('<script')
  })

  test.each([
    ['Cancel on the confirmation', 'Cancel', undefined],
    ['Deny on the consent', 'Continue', 'Deny'],
  ])('%s is told to the device', async (_name, first, second) => {
    const device = await begin()
    const enter = await ada.open(device.verification_uri)
    let page = await ada.submit(await ada.submit(enter, { user_code: device.user_code }), {}, first)
    if (second !== undefined) page = await ada.submit(page, {}, second)
    expect(page.html).toContain('Nothing was authorized')
    expect((await poll(device)).error).toBe('access_denied')
  })

  test('a wrong code, none, and one that was used are told apart, and the form comes back', async () => {
    const enter = await ada.open(`${server.url}/auth/device`)
    const wrong = await ada.submit(enter, { user_code: 'BBBB-BBBB' })
    expect(wrong.html).toContain('There is no such code')
    expect(wrong.html).toContain('value="BBBB-BBBB"')
    expect((await ada.submit(wrong, { user_code: '' })).html).toContain('Type the code')
    const device = await begin()
    const confirm = await ada.submit(await ada.open(device.verification_uri), { user_code: device.user_code })
    await ada.submit(confirm, {}, 'Cancel')
    const used = await ada.submit(await ada.open(device.verification_uri), { user_code: device.user_code })
    expect(used.html).toContain('used already')
  })

  test('CSRF: a confirmation without the value of this browser, or from another website, does nothing', async () => {
    const device = await begin()
    const cookie = ada.cookies(new URL(`${server.url}/auth/device`))
    const form = { user_code: device.user_code, confirm: 'yes' }
    const send = (fields: Record<string, string>, origin: string) =>
      fetch(`${server.url}/auth/device`, {
        method: 'POST',
        redirect: 'manual',
        body: new URLSearchParams(fields),
        headers: { cookie, origin },
      })
    expect((await send(form, server.url)).status).toBe(400)
    expect((await send({ ...form, xsrf: 'x' }, server.url)).status).toBe(400)
    const page = await ada.open(`${server.url}/auth/device`)
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.html)?.[1] ?? ''
    expect((await send({ ...form, xsrf }, 'https://evil.example')).status).toBe(403)
    expect((await poll(device)).error).toBe('authorization_pending')
  })

  test('of two people who type one code, the first has it', async () => {
    const device = await begin()
    const bob = await loggedInBrowser(server, BOB)
    const first = await ada.submit(await ada.open(device.verification_uri), { user_code: device.user_code })
    const second = await bob.submit(await bob.open(device.verification_uri), { user_code: device.user_code })
    const consent = await ada.submit(first, {}, 'Continue')
    expect((await bob.submit(second, {}, 'Continue')).html).toContain('used already')
    await ada.submit(consent, {}, 'Authorize')
    expect(await profile((await poll(device)).access_token)).toMatchObject({ email: ADA.email })
  })

  test('less can be asked for; an unknown client cannot ask', async () => {
    const device = await begin(server, { scope: 'openid runs:read' })
    const enter = await ada.open(device.verification_uri)
    const consent = await ada.submit(await ada.submit(enter, { user_code: device.user_code }), {}, 'Continue')
    expect(consent.html).not.toContain('secrets:write')
    await ada.submit(consent, {}, 'Authorize')
    expect((await poll(device)).scope).toBe('runs:read')
    const stranger = await post(server, '/oauth/device_authorization', { client_id: 'nobody' })
    expect(stranger.status).toBe(401)
  })

  test('no usable code is kept: the device code as a hash only', async () => {
    const device = await begin()
    const { openDatabase } = await import('../../../../src/server/db/open-database.ts')
    const { databasePath } = await import('../../../../src/server/db/database-files.ts')
    const { oidcRecords } = await import('../../../../src/server/db/schema.ts')
    const { db, close } = openDatabase(databasePath(server.dataDir))
    const rows = await db.select().from(oidcRecords)
    close()
    expect(JSON.stringify(rows)).not.toContain(device.device_code)
    const codes = rows.filter((row) => row.kind === 'DeviceCode')
    const interactions = rows.filter(
      (row) => row.kind === 'Interaction' && row.payload.includes('"deviceCode"'),
    )
    expect(codes.length).toBeGreaterThan(0)
    for (const { id } of codes) {
      expect(id).toMatch(/^[0-9a-f]{64}$/)
      expect((await poll({ ...device, device_code: id })).error).toBe('invalid_grant')
    }
    for (const { payload } of interactions) expect(payload).toMatch(/"deviceCode":"[0-9a-f]{64}"/)
  })
})

describe('who asks for a device login', () => {
  test.each([
    ['fob/0.1.0', 'fob 0.1.0'],
    ['fob/0.1.0 (host.example)', 'fob 0.1.0 on host.example'],
    ['openid-client/v6.8.1', 'openid-client/v6.8.1'],
    ['fob/0.1.0 (a) (b)', 'fob/0.1.0 (a) (b)'],
  ])('%p is shown as %p', (userAgent, shown) => {
    expect(programOf(userAgent)).toBe(shown)
  })
})

describe('what is no form of ours', () => {
  const FORM = 'application/x-www-form-urlencoded'
  const printed: unknown[] = []
  const { error } = console
  beforeAll(() => void (console.error = (...words: unknown[]) => void printed.push(words)))
  afterAll(() => void (console.error = error))

  test.each<[string, string, string, { type?: string; body?: string }]>([
    [
      'a body of JSON',
      'POST',
      '/auth/device',
      { type: 'application/json', body: '{"user_code":"BBBB-BBBB"}' },
    ],
    ['JSON that is none', 'POST', '/auth/device', { type: 'application/json', body: '{' }],
    ['another type', 'POST', '/auth/device', { type: 'multipart/form-data; boundary=x', body: '--x--' }],
    ['an unknown field', 'POST', '/auth/device', { type: FORM, body: 'nothing=1' }],
    [
      'fields with names of objects',
      'POST',
      '/auth/device',
      { type: FORM, body: '__proto__=1&constructor=2' },
    ],
    ['a field twice', 'POST', '/auth/device', { type: FORM, body: 'user_code=a&user_code=b&xsrf=c&xsrf=d' }],
    ['no body', 'POST', '/auth/device', {}],
    ['a login that nobody began', 'GET', '/auth/device/x', {}],
  ])(
    '%s: a page of the 400s, with a session and without one',
    async (_name, method, path, { type, body }) => {
      for (const cookie of ['', ada.cookies(new URL(`${server.url}/auth/device`)), '_session=forged']) {
        const response = await fetch(server.url + path, {
          method,
          redirect: 'manual',
          headers: {
            accept: 'text/html',
            origin: server.url,
            ...(cookie === '' ? {} : { cookie }),
            ...(type === undefined ? {} : { 'content-type': type }),
          },
          ...(body === undefined ? {} : { body }),
        })
        const text = await response.text()
        expect({ cookie: cookie !== '', status: response.status, text }).toMatchObject({ status: 400 })
        expect(response.headers.get('content-type')).toContain('text/html')
        expect(text).toContain('<h1>')
      }
      expect(printed).toEqual([])
      expect(server.log()).not.toContain('persist')
    },
  )
})

test('S11: the device flow survives the trip to a provider', async () => {
  const { server: other } = await startWithIdentityProvider('github', startGithub)
  try {
    const device = await begin(other)
    const browser = httpBrowser()
    const enter = await browser.open(device.verification_uri)
    const confirm = await browser.submit(enter, { user_code: device.user_code })
    const login = await browser.submit(confirm, {}, 'Continue')
    const consent = await browser.follow(login, 'GitHub')
    const done = await browser.submit(consent, {}, 'Authorize')
    expect(done.html).toContain('Your device is logged in')
    const tokens = await poll(device, other)
    expect(await profile(tokens.access_token, other)).toMatchObject({
      id: 'github:583231',
      provider: 'github',
    })
  } finally {
    await other.stop()
  }
})
