/** Logins through an identity provider on the binary, in Chromium too, and a server log without secrets. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Browser, Page } from 'playwright-core'
import { notingBrowser } from '../../support/client/binary-login.ts'
import { fob, start } from '../../support/client/compiled-binary.ts'
import { ADA, type BinaryServer, startBinaryServer } from '../../support/servers/binary-server.ts'
import { httpBrowser } from '../../support/servers/http-browser.ts'
import { launchChromium, missingChromium } from '../../support/real-parts/chromium.ts'
import { testWith } from '../../support/real-parts/skip-without-part.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import {
  startServerWithIdentityProviders,
  type ServerWithIdentityProviders,
} from '../../support/servers/server-with-identity-providers.ts'

const missing = missingChromium()

let server: ServerWithIdentityProviders
let local: BinaryServer
beforeAll(async () => {
  server = await startServerWithIdentityProviders()
  local = await startBinaryServer()
}, 30_000)
afterAll(async () => {
  await server.stop()
  await local.stop()
})

describe('fob auth login on the binary, by way of an identity provider', () => {
  test.each([
    ['GitHub', 'octocat@example.com', 'github:583231', 'member'],
    ['GitLab', 'ada@example.com', 'gitlab:42', 'admin'],
    ['Microsoft', 'ada@contoso.com', 'microsoft:AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ', 'member'],
  ])('S11 S18 S25 S26 S41: %s, and --admin makes one an administrator', async (label, email, id, role) => {
    const home = temporaryFolder()
    const note = notingBrowser()
    const running = start(['auth', 'login', '-s', server.url, '--insecure-storage'], {
      home,
      env: { BROWSER: note.command },
    })
    const browser = httpBrowser()
    const login = await browser.open(await note.opened())
    for (const other of ['GitHub', 'GitLab', 'Microsoft'])
      expect(login.html).toContain(`Continue with ${other}`)
    expect(login.html).not.toContain('type="password"')
    const consent = await browser.follow(login, label)
    const end = await browser.submit(consent, {}, 'Authorize')
    expect(end.html).toContain('Logged in')
    expect((await running.ended).code).toBe(0)
    const token = (await fob(['auth', 'token'], { home })).out.trim()
    const answer = await fetch(`${server.url}/api/auth/me`, { headers: { authorization: `Bearer ${token}` } })
    expect(await answer.json()).toMatchObject({ user: { id, email, role } })
  })

  test('the log of the server holds no secret, code or token of an identity provider', () => {
    const log = server.running.err()
    expect(log).toContain('"message":"login"')
    for (const { clientSecret } of [server.github, server.gitlab, server.microsoft]) {
      expect(log).not.toContain(clientSecret)
    }
    expect(log).not.toMatch(/gho_|eyJ|code=/)
  })
})

const call = async (path: string, body: unknown) => {
  const answer = await fetch(`${local.url}/api/auth/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return {
    status: answer.status,
    body: (answer.status === 204 ? {} : await answer.json()) as Record<string, string>,
  }
}

test('S161 S164 on the binary: log in, refresh, log out', async () => {
  const first = await call('login', ADA)
  expect(first.status).toBe(200)
  const second = await call('refresh', { refreshToken: first.body.refreshToken })
  expect(second.body).toMatchObject({ user: { email: ADA.email, role: 'admin' } })
  expect((await call('logout', { refreshToken: second.body.refreshToken })).status).toBe(204)
  expect((await call('refresh', { refreshToken: second.body.refreshToken })).status).toBe(401)
})

/** A page at 360 px: nothing scrolls sideways, nothing complains, every field has a name. */
async function inspect(page: Page): Promise<void> {
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360)
  const unnamed = await page.evaluate(`[...document.querySelectorAll('input:not([type=hidden]), button, a')]
    .filter((e) => !(e.labels && e.labels.length) && !e.textContent.trim()).length`)
  expect(unnamed).toBe(0)
}

const withPage = async (run: (page: Page, browser: Browser) => Promise<void>) => {
  const browser = await launchChromium()
  try {
    const context = await browser.newContext({
      viewport: { width: 360, height: 640 },
      javaScriptEnabled: false,
    })
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('console', (message) => complaints.push(message.text()))
    await run(page, browser)
    expect(complaints.filter((text) => /policy|refused/i.test(text))).toEqual([])
  } finally {
    await browser.close()
  }
}

describe('in Chromium, with scripts switched off', () => {
  testWith(
    missing,
    'S11 S18: the login page, each identity provider, and the sessions page with sign-out',
    () =>
      withPage(async (page) => {
        for (const label of ['GitHub', 'GitLab', 'Microsoft']) {
          await page.goto(`${server.url}/settings/sessions`)
          if (label === 'GitHub') await inspect(page)
          await page.getByRole('link', { name: `Continue with ${label}` }).click()
          await page.getByRole('heading', { name: 'Sessions' }).waitFor()
          expect(await page.locator('.who').textContent()).toMatch(/@/)
          await page.getByRole('button', { name: 'Sign out', exact: true }).first().click()
          await page.getByRole('heading', { name: 'You are signed out' }).waitFor()
        }
        server.github.behaviour.consent = 'deny'
        await page.goto(`${server.url}/settings/sessions`)
        await page.getByRole('link', { name: 'Continue with GitHub' }).click()
        await page.getByRole('alert').waitFor()
        await inspect(page)
        server.github.behaviour.consent = 'grant'
      }),
    60_000,
  )

  testWith(
    missing,
    'S41: a device is approved by keyboard: code, confirmation, login, consent, done',
    () =>
      withPage(async (page) => {
        const answer = await fetch(`${local.url}/oauth/device_authorization`, {
          method: 'POST',
          body: new URLSearchParams({ client_id: 'fob-cli' }),
          headers: { 'user-agent': 'fob/0.1.0 (build-host-7)' },
        })
        const device = (await answer.json()) as {
          device_code: string
          user_code: string
          verification_uri: string
        }
        await page.goto(device.verification_uri)
        await inspect(page)
        await page.keyboard.type(device.user_code)
        await page.keyboard.press('Enter')
        await page.getByRole('heading', { name: 'Is this your device?' }).waitFor()
        await inspect(page)
        await page.getByRole('button', { name: 'Continue' }).click()
        await page.getByLabel('E-mail').fill(ADA.email)
        await page.getByLabel('Password').fill(ADA.password)
        await page.keyboard.press('Enter')
        await page.getByRole('button', { name: 'Authorize' }).waitFor()
        await inspect(page)
        await page.getByRole('button', { name: 'Authorize' }).click()
        await page.getByRole('heading', { name: 'Your device is logged in' }).waitFor()
        await inspect(page)
        const polled = await fetch(`${local.url}/oauth/token`, {
          method: 'POST',
          body: new URLSearchParams({
            grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
            client_id: 'fob-cli',
            device_code: device.device_code,
          }),
        })
        expect(polled.status).toBe(200)
        await page.goto(`${local.url}/settings/sessions`)
        await page.getByText('fob, the command line').first().waitFor()
        await inspect(page)
      }),
    60_000,
  )
})
