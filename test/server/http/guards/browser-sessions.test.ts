/** Browser sessions: sealed cookies, fixation, open redirects, CSRF, lifetimes and sign-out. */
import { Database } from 'bun:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { systemClock } from '../../../../src/platform/clock.ts'
import { withAccounts } from '../../../../src/server/administration/open-data-folder.ts'
import { openDatabase } from '../../../../src/server/db/open-database.ts'
import { ROUTES } from '../../../../src/server/http/routes.ts'
import { databasePath } from '../../../../src/server/db/database-files.ts'
import { oidcRecords } from '../../../../src/server/db/schema.ts'
import { and, desc, eq, isNull, sql } from 'drizzle-orm'
import { httpBrowser, type HttpBrowser } from '../../../support/servers/http-browser.ts'
import { ADA, BOB, loggedInBrowser, startLocalWorld } from '../../../support/servers/server-with-accounts.ts'
import { logIn } from '../../../support/servers/oauth-login.ts'
import type { TestServer } from '../../../support/servers/test-server.ts'

let server: TestServer
/** Each login costs a password hash, so tests that end no session share one. */
let shared: HttpBrowser
let bobs: HttpBrowser
beforeAll(async () => {
  server = await startLocalWorld()
  shared = await loggedInBrowser(server)
  bobs = await loggedInBrowser(server, BOB)
})
afterAll(() => server.stop())

const SESSIONS = '/settings/sessions'
const at = (path: string) => `${server.url}${path}`
/** What a browser that sends the cookies of `browser` is told. */
const send = (
  cookie: string,
  path: string,
  init: { method?: string; body?: URLSearchParams; headers?: Record<string, string> } = {},
) => fetch(at(path), { redirect: 'manual', ...init, headers: { ...init.headers, cookie } })
const csrfOf = (html: string) => /name="csrf" value="([^"]+)"/.exec(html)?.[1] ?? ''
const post = (cookie: string, path: string, form: Record<string, string>, headers = {}) =>
  send(cookie, path, {
    method: 'POST',
    body: new URLSearchParams(form),
    headers: { origin: server.url, ...headers },
  })

describe('a session of a browser', () => {
  test('a page that needs one sends to the login and comes back to what was asked for', async () => {
    const browser = httpBrowser()
    const login = await browser.open(at(`${SESSIONS}?x=1`))
    expect(login.url.pathname).toStartWith('/auth/login/')
    expect(login.html).toContain('this server')
    const page = await browser.submit(login, ADA)
    expect(page.url.pathname + page.url.search).toBe(`${SESSIONS}?x=1`)
    expect(page.html).toContain('ada@example.com')
    expect(page.html).toContain('this browser')
  })

  test.each(['/settings', '/settings/', '/settings?tenant=default'])(
    '%s leads to the first page',
    async (path) => {
      const { status, headers } = await send('', path)
      const query = path.slice('/settings'.length).replace('/', '')
      expect([status, headers.get('location')]).toEqual([303, `${SESSIONS}${query}`])
      const page = await shared.open(at(path))
      expect([page.status, page.url.pathname + page.url.search]).toEqual([200, `${SESSIONS}${query}`])
    },
  )

  test.each([
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example',
    '/\t/evil.example',
    '\\\\evil.example',
    'javascript:alert(1)',
    'http:evil.example',
    '/%0d%0aLocation:%20https://evil.example',
    '',
  ])('open redirect: after the login, next=%s leads nowhere but here', async (next) => {
    const page = await shared.open(at(`/auth/login?next=${encodeURIComponent(next)}`))
    expect(page.url.origin).toBe(server.url)
  })

  test('open redirect: nor does a made-up state at the return', async () => {
    const state = Buffer.from('https://evil.example').toString('base64url')
    const answer = await fetch(at(`/auth/return?state=${state}`), { redirect: 'manual' })
    expect(answer.headers.get('location')).toBe(SESSIONS)
  })

  test('S19: its cookie is sealed, HttpOnly and SameSite, and the database cannot make one', async () => {
    const browser = shared
    const cookie = browser.cookies(new URL(at(SESSIONS)))
    expect(cookie).toStartWith('fob_session=')
    const { db, close } = openDatabase(databasePath(server.dataDir))
    const rows = await db.select().from(oidcRecords)
    close()
    for (const { id, payload } of rows) {
      expect(cookie).not.toContain(id)
      const guess = `fob_session=${Buffer.from(id).toString('base64url')}`
      expect((await send(guess, SESSIONS)).status).toBe(303)
      expect(payload).not.toContain(cookie.slice('fob_session='.length))
    }
  })

  test('session fixation: the identifier is another one after the login', async () => {
    const browser = httpBrowser()
    // The device page makes a session before anybody has logged in.
    await browser.open(at('/auth/device'))
    const before = browser.cookies(new URL(at('/')))
    expect(before).toContain('fob_session=')
    const login = await browser.open(at(SESSIONS))
    await browser.submit(login, ADA)
    const after = browser.cookies(new URL(at('/')))
    expect((await send(before, SESSIONS)).status).toBe(303)
    expect((await send(after, SESSIONS)).status).toBe(200)
  })

  test('a new login in a browser that is logged in ends the earlier identifier', async () => {
    const browser = await loggedInBrowser(server)
    const before = browser.cookies(new URL(at('/')))
    const login = await browser.open(
      at('/oauth/authorize?client_id=fob-pages&response_type=none&scope=openid&prompt=login') +
        `&redirect_uri=${encodeURIComponent(at('/auth/return'))}`,
    )
    await browser.submit(login, ADA)
    expect((await send(before, SESSIONS)).status).toBe(303)
    expect((await send(browser.cookies(new URL(at('/'))), SESSIONS)).status).toBe(200)
  })

  test('a token is not a session, and a session is no token', async () => {
    const { access_token: token } = await logIn(server.url, ADA)
    const headers = { authorization: `Bearer ${token}` }
    expect((await fetch(at(SESSIONS), { headers, redirect: 'manual' })).status).toBe(303)
    const browser = shared
    const cookie = browser.cookies(new URL(at('/')))
    expect((await send(cookie, '/api/v1/profile')).status).toBe(401)
  })
})

describe('signing out', () => {
  test('ends the session on the server, not only the cookie', async () => {
    const browser = await loggedInBrowser(server)
    const cookie = browser.cookies(new URL(at('/')))
    const page = await browser.open(at('/auth/logout'))
    expect(page.html).toContain(ADA.email)
    const done = await browser.submit(page, {}, 'Sign out')
    expect(done.html).toContain('You are signed out')
    expect(browser.cookies(new URL(at('/')))).toBe('')
    expect((await send(cookie, SESSIONS)).status).toBe(303)
  })

  test('a link alone does not do it', async () => {
    const browser = shared
    const cookie = browser.cookies(new URL(at('/')))
    await send(cookie, '/auth/logout')
    expect((await send(cookie, SESSIONS)).status).toBe(200)
  })

  test('another browser of one person can be signed out; one of another person cannot', async () => {
    const mine = bobs
    const other = await loggedInBrowser(server, BOB)
    const foreign = shared
    const page = await mine.open(at(SESSIONS))
    const uids = [...page.html.matchAll(/name="session" value="([^"]+)"/g)].map((match) => match[1] ?? '')
    expect(uids).toHaveLength(1)
    const csrf = csrfOf(page.html)
    const foreignPage = await foreign.open(at(SESSIONS))
    const foreignCookie = foreign.cookies(new URL(at('/')))
    await post(foreignCookie, SESSIONS, { csrf: csrfOf(foreignPage.html), session: uids[0] ?? '' })
    expect((await send(other.cookies(new URL(at('/'))), SESSIONS)).status).toBe(200)
    const cookie = mine.cookies(new URL(at('/')))
    const done = await post(cookie, SESSIONS, { csrf, session: uids[0] ?? '' })
    expect(await done.text()).toContain('Signed out.')
    expect((await send(other.cookies(new URL(at('/'))), SESSIONS)).status).toBe(303)
    expect((await send(cookie, SESSIONS)).status).toBe(200)
  })

  test('all other browsers at once', async () => {
    const mine = bobs
    const others = [await loggedInBrowser(server, BOB), await loggedInBrowser(server, BOB)]
    const page = await mine.open(at(SESSIONS))
    await post(mine.cookies(new URL(at('/'))), SESSIONS, { csrf: csrfOf(page.html), others: 'all' })
    for (const other of others)
      expect((await send(other.cookies(new URL(at('/'))), SESSIONS)).status).toBe(303)
    expect((await send(mine.cookies(new URL(at('/'))), SESSIONS)).status).toBe(200)
  })

  test('a program is listed with its machine, its address and its last use', async () => {
    const first = await logIn(server.url, BOB)
    const refresh = async (refreshToken: string, userAgent: string) => {
      const refreshed = await fetch(at('/oauth/token'), {
        method: 'POST',
        headers: { 'user-agent': userAgent },
        body: new URLSearchParams({
          grant_type: 'refresh_token',
          client_id: 'fob-cli',
          refresh_token: refreshToken,
        }),
      })
      return (await refreshed.json()) as { access_token: string; refresh_token: string }
    }
    const second = await refresh(first.refresh_token, 'fob/0.0.9 (laptop.example)')
    // A refresh names no machine: it is still that of the login.
    const { access_token: token } = await refresh(second.refresh_token, 'fob/0.1.0')
    const page = async () => (await bobs.open(at(SESSIONS))).html.replace(/\s+/g, ' ')
    expect(await page()).toMatch(/fob 0\.1\.0 on laptop\.example, from 127\.0\.0\.1, since .* last used /)
    const { db } = openDatabase(databasePath(server.dataDir))
    const yesterday = Date.now() - 86_400_000
    const ofRefreshTokens = eq(oidcRecords.kind, 'RefreshToken')
    const seenAt = sql<number>`json_extract(${oidcRecords.payload}, '$.seen.at')`
    await db
      .update(oidcRecords)
      .set({ payload: sql`json_set(${oidcRecords.payload}, '$.seen.at', ${yesterday})` })
      .where(ofRefreshTokens)
    await fetch(at('/api/v1/profile'), { headers: { authorization: `Bearer ${token}` } })
    const [used] = await db
      .select({ at: seenAt })
      .from(oidcRecords)
      .where(and(ofRefreshTokens, isNull(oidcRecords.consumedAt)))
      .orderBy(desc(seenAt))
    expect(used?.at).toBeGreaterThan(yesterday)
    const cookie = bobs.cookies(new URL(at('/')))
    const { html } = await bobs.open(at(SESSIONS))
    for (const [, program] of html.matchAll(/name="program" value="([^"]+)"/g)) {
      await post(cookie, SESSIONS, { csrf: csrfOf(html), program: program ?? '' })
    }
  })

  test('a program that was authorized is listed, and its tokens end with it', async () => {
    const tokens = await logIn(server.url, BOB)
    const headers = { authorization: `Bearer ${tokens.access_token}` }
    expect((await fetch(at('/api/v1/profile'), { headers })).status).toBe(200)
    const mine = bobs
    const page = await mine.open(at(SESSIONS))
    expect(page.html).toContain('fob, the command line')
    const programs = [...page.html.matchAll(/name="program" value="([^"]+)"/g)].map((match) => match[1] ?? '')
    expect(programs).toHaveLength(1)
    const cookie = mine.cookies(new URL(at('/')))
    await post(cookie, SESSIONS, { csrf: csrfOf(page.html), program: programs[0] ?? '' })
    expect((await fetch(at('/api/v1/profile'), { headers })).status).toBe(401)
    const refresh = await fetch(at('/oauth/token'), {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'refresh_token',
        client_id: 'fob-cli',
        refresh_token: tokens.refresh_token,
      }),
    })
    expect(refresh.status).toBe(400)
    expect((await mine.open(at(SESSIONS))).html).toContain('No program is logged in as you')
  })

  test('a person who is removed is logged in nowhere', async () => {
    const eve = { email: 'eve@example.com', password: 'eves own password' }
    const { Secret } = await import('../../../../src/redact/secret.ts')
    const change = <T>(work: Parameters<typeof withAccounts<T>>[1]) =>
      withAccounts({ dataDir: server.dataDir, clock: systemClock, create: false }, work)
    await change((accounts) => accounts.addLocal({ email: eve.email, password: new Secret(eve.password) }))
    const browser = await loggedInBrowser(server, eve)
    await change((accounts) => accounts.remove(eve.email))
    expect((await send(browser.cookies(new URL(at('/'))), SESSIONS)).status).toBe(303)
  })
})

describe('a HEAD', () => {
  const pages = ROUTES.filter(
    ({ method, guard }) => method === 'GET' && (guard === 'session' || guard.startsWith('page:')),
  )

  // RFC 9110 §9.3.2: what a GET would be told, without its body.
  test.each(pages)('of $path is told what a GET is, with a session and without', async ({ path }) => {
    const concrete = path.replaceAll(/:\w+/g, 'x')
    for (const cookie of [shared.cookies(new URL(at('/'))), '']) {
      const told = async (method: string) => {
        const { status, headers } = await send(cookie, concrete, { method })
        return [status, headers.get('location'), headers.get('content-length')]
      }
      const got = await told('GET')
      expect(got[0]).toBeOneOf(cookie === '' ? [303] : [200, 404])
      expect(await told('HEAD')).toEqual(got)
    }
  })
})

describe('CSRF', () => {
  const forms = ROUTES.filter((route) => route.guard === 'session' && route.method === 'POST')

  test('there are such forms', () => expect(forms.length).toBeGreaterThan(1))

  test.each(forms)(
    'POST $path is refused without the session value, from our own pages too',
    async ({ path }) => {
      const browser = shared
      const theirs = csrfOf((await bobs.open(at(SESSIONS))).html)
      const cookie = browser.cookies(new URL(at('/')))
      const concrete = path.replaceAll(/:\w+/g, 'x')
      for (const form of [{}, { csrf: '' }, { csrf: 'x'.repeat(43) }, { csrf: theirs }]) {
        expect((await post(cookie, concrete, form as Record<string, string>)).status).toBe(403)
      }
      expect((await send(cookie, SESSIONS)).status).toBe(200)
    },
  )

  test.each(forms)('POST $path is refused from another website, with the value', async ({ path }) => {
    const browser = shared
    const csrf = csrfOf((await browser.open(at(SESSIONS))).html)
    const cookie = browser.cookies(new URL(at('/')))
    const concrete = path.replaceAll(/:\w+/g, 'x')
    for (const from of [{ origin: 'https://evil.example' }, { origin: 'null' }]) {
      expect((await post(cookie, concrete, { csrf }, from)).status).toBe(403)
    }
  })

  test.each(forms)('POST $path without a session changes nothing and says so', async ({ path }) => {
    const answer = await post('', path.replaceAll(/:\w+/g, 'x'), { csrf: 'x' })
    expect(answer.status).toBe(401)
  })
})

describe('how long a session lasts', () => {
  test('idle for a day, or two weeks after its login, it is over', async () => {
    const browser = await loggedInBrowser(server)
    const cookie = browser.cookies(new URL(at('/')))
    const sqlite = new Database(databasePath(server.dataDir))
    const row = () =>
      sqlite
        .query<{ payload: string; expires_at: number }, []>(
          `SELECT payload, expires_at FROM oidc_records WHERE kind = 'Session'
           ORDER BY json_extract(payload, '$.seen.at') DESC LIMIT 1`,
        )
        .get()
    const hours = () => ((row()?.expires_at ?? 0) - Date.now()) / 3_600_000
    expect(hours()).toBeGreaterThan(23.9)
    expect(hours()).toBeLessThan(24.1)
    // As if it was used last, and logged in to, a while ago.
    const age = (seen: number, login: number) =>
      sqlite.run(
        `UPDATE oidc_records SET expires_at = expires_at - 3600000 * 5,
           payload = json_set(payload, '$.seen.at', json_extract(payload, '$.seen.at') - ${seen},
             '$.exp', json_extract(payload, '$.exp') - 3600 * 5,
             '$.loginTs', json_extract(payload, '$.loginTs') - ${login})
         WHERE kind = 'Session' AND id = (SELECT id FROM oidc_records WHERE kind = 'Session'
           ORDER BY json_extract(payload, '$.seen.at') DESC LIMIT 1)`,
      )
    age(120_000, 0)
    expect((await send(cookie, SESSIONS)).status).toBe(200)
    expect(hours()).toBeGreaterThan(23.9)
    // Two hours before its absolute end, using it buys no more than those two hours.
    age(120_000, 14 * 86_400 - 7200)
    expect((await send(cookie, SESSIONS)).status).toBe(200)
    expect(hours()).toBeLessThan(19.1)
    sqlite.run(`UPDATE oidc_records SET expires_at = ${Date.now() - 1} WHERE kind = 'Session'`)
    expect((await send(cookie, SESSIONS)).status).toBe(303)
    sqlite.close()
  })
})
