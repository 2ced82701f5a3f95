/** The HTML of the login pages: landmarks, escaping, headers, labels, no scripts, and the style sheet. */
import { describe, expect, test } from 'bun:test'
import { SCOPES } from '../../../src/contract/token-scopes.ts'
import type { Page } from '../../../src/server/web/page-layout.ts'
import {
  renderConsent,
  renderLogin,
  renderMessage,
  renderProtocolError,
  STYLE_SHEET,
} from '../../../src/server/web/login-consent-and-message-templates.ts'

const HOSTILE = `"><script>alert(1)</script><img src=x onerror='x'>`
const redirectTarget = 'http://127.0.0.1:8765'
const login = {
  action: '/auth/login/u',
  clientName: 'fob',
  host: 'ci.example.com',
  redirectTarget,
  passwords: true,
  identityProviders: [] as { label: string; path: string }[],
}
const consent = {
  ...login,
  action: '/auth/consent/u',
  selfNamed: false,
  account: 'ada@example.com',
  scopes: ['runs:read', 'secrets:write'] as const,
}

const pages: [name: string, render: () => Promise<Page>][] = [
  ['login', () => renderLogin(login)],
  ['login after a mistake', () => renderLogin({ ...login, email: 'ada@example.com', error: 'No.' })],
  ['consent', () => renderConsent(consent)],
  [
    'message',
    () => renderMessage({ title: 'Expired', text: 'Again.', command: 'fob auth login', host: 'x' }),
  ],
  ['protocol error', () => renderProtocolError({ error: 'invalid_client', description: undefined })],
]

describe.each(pages)('the %s page', (_name, render) => {
  test('is a document with a language, a title and one main landmark with one heading', async () => {
    const { html } = await render()
    expect(html).toStartWith('<!doctype html>')
    expect(html).toContain('<html lang="en">')
    expect(html).toMatch(/<title>[^<]+ · fob<\/title>/)
    expect(html.match(/<main>/g)).toHaveLength(1)
    expect(html.match(/<h1/g)).toHaveLength(1)
    expect(html).toContain('name="viewport"')
  })

  test('has no script, no inline style, and loads nothing but the style sheet', async () => {
    const { html } = await render()
    expect(html).not.toMatch(/<script|<style|\sstyle=|\son\w+=|javascript:/i)
    const loaded = [...html.matchAll(/(?:href|src)="([^"]+)"/g)].map((match) => match[1] ?? '')
    expect(loaded.filter((url) => !url.startsWith('data:image/svg+xml,'))).toEqual(['/assets/fob.css'])
  })

  test('comes with headers that allow no more than that', async () => {
    const { headers } = await render()
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'same-origin',
      'cache-control': 'no-store',
    })
    const policy = headers['content-security-policy'] ?? ''
    for (const part of [
      "default-src 'none'",
      "style-src 'self'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
    ]) {
      expect(policy).toContain(part)
    }
    expect(policy).not.toContain('unsafe')
  })
})

test('every value is escaped wherever it stands', async () => {
  const rendered = await Promise.all([
    renderLogin({
      action: HOSTILE,
      clientName: HOSTILE,
      host: HOSTILE,
      redirectTarget,
      passwords: true,
      identityProviders: [{ label: HOSTILE, path: HOSTILE }],
      email: HOSTILE,
      error: HOSTILE,
    }),
    renderConsent({ ...consent, action: HOSTILE, clientName: HOSTILE, account: HOSTILE, host: HOSTILE }),
    renderMessage({ title: HOSTILE, text: HOSTILE, command: HOSTILE, host: HOSTILE }),
    renderProtocolError({ error: HOSTILE, description: HOSTILE }),
  ])
  for (const { html } of rendered) {
    expect(html).not.toContain('<script')
    expect(html).not.toContain('<img')
    expect(html).toContain('&lt;script&gt;')
  }
})

test('S210: the consent page says who asks, for whom, for what in words, and where it goes', async () => {
  const { html, headers } = await renderConsent({ ...consent, clientName: 'fob, the command line' })
  for (const text of [
    'fob, the command line',
    'ada@example.com',
    '127.0.0.1:8765',
    '>Authorize<',
    '>Deny<',
  ]) {
    expect(html).toContain(text)
  }
  expect(html).toContain(SCOPES['secrets:write'])
  expect(html).not.toContain(SCOPES['pipelines:write'])
  expect(headers['content-security-policy']).toContain("form-action 'self' http://127.0.0.1:8765;")
})

test('the login form is labelled, helps password managers, and ties its error to its fields', async () => {
  const { html } = await renderLogin({ ...login, email: 'ada@example.com', error: 'Wrong.' })
  expect(html).toMatch(/<label for="email">/)
  expect(html).toMatch(/<label for="password">/)
  expect(html).toContain('autocomplete="username"')
  expect(html).toContain('autocomplete="current-password"')
  expect(html).toMatch(/role="alert" id="problem">Wrong\.</)
  expect(html.match(/aria-describedby="problem"/g)).toHaveLength(2)
  expect(html).toContain('value="ada@example.com"')
  expect(html).not.toMatch(/name="password"[^>]*value=/s)
})

describe('the style sheet', () => {
  test('loads nothing, and has a light and a dark palette', () => {
    expect(STYLE_SHEET).not.toMatch(/url\(|@import/)
    expect(STYLE_SHEET).toContain('prefers-color-scheme: dark')
  })

  const [light = '', dark = ''] = [...STYLE_SHEET.matchAll(/:root \{([^}]*)\}/g)].map(
    (match) => match[1] ?? '',
  )
  test.each([
    ['ink', 'card', 4.5],
    ['ink', 'tint', 4.5],
    ['soft', 'card', 4.5],
    ['soft', 'paper', 4.5],
    ['soft', 'tint', 4.5],
    ['on-green', 'green', 4.5],
    ['on-green', 'green-deep', 4.5],
    ['alert', 'alert-tint', 4.5],
    ['field', 'card', 3],
    ['green', 'card', 3],
    ['green', 'paper', 3],
  ])('%s on %s has a contrast of %d or more in both palettes', (front, back, least) => {
    for (const palette of [light, dark]) {
      expect(contrast(color(palette, front), color(palette, back))).toBeGreaterThanOrEqual(least)
    }
  })
})

function color(palette: string, name: string): string {
  return new RegExp(`--${name}: (#[0-9a-f]{6})`).exec(palette)?.[1] ?? ''
}

/** WCAG 2.2's contrast ratio. */
function contrast(a: string, b: string): number {
  const [x, y] = [luminance(a), luminance(b)]
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05)
}

/** WCAG 2.2's relative luminance. */
function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const c = Number.parseInt(hex.slice(at, at + 2), 16) / 255
    return c <= 0.040_45 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}
