/** The order of flags, variables and files that decides on server, credential and tenant. */
import { describe, expect, test } from 'bun:test'
import { Fault } from '../../src/contract/fault.ts'
import { Secret } from '../../src/redact/secret.ts'
import { jwtExpiry, requireUsableJwt } from '../../src/session/check-jwt-form-and-expiry.ts'
import {
  normalizeServer,
  projectFor,
  projectServer,
  resolveAccount,
  parseToken,
  resolvePresented,
  resolveServer,
  resolveTenant,
} from '../../src/session/resolve-server-and-credential.ts'

const NOW = Date.parse('2026-01-01T00:00:00Z')

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

function jwt(claims: object): string {
  return `${part({ alg: 'HS256' })}.${part(claims)}.c2ln`
}

function faultOf(work: () => unknown): Fault {
  try {
    work()
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('normalizeServer', () => {
  test.each([
    ['https://ci.example.com', 'https://ci.example.com'],
    ['https://CI.Example.com/', 'https://ci.example.com'],
    ['https://ci.example.com:443', 'https://ci.example.com'],
    ['https://ci.example.com/api/v1', 'https://ci.example.com'],
    ['https://ci.example.com/api/v1/', 'https://ci.example.com'],
    ['https://ci.example.com/api/v1/api/v1', 'https://ci.example.com'],
    ['https://example.com/ci/api/v1//', 'https://example.com/ci'],
    ['https://example.com/myapi/v1', 'https://example.com/myapi/v1'],
    ['ci.example.com', 'https://ci.example.com'],
    ['localhost:8080', 'http://localhost:8080'],
    ['127.0.0.1:8080', 'http://127.0.0.1:8080'],
    [' http://localhost:8080 ', 'http://localhost:8080'],
  ])('R8: %s is %s', (text, url) => {
    expect(normalizeServer(text, '--server')).toEqual({ url })
  })

  test('S8: user and password are taken out and do not show', () => {
    const choice = normalizeServer('http://admin:s%40cret@localhost:8080/', '--server')
    expect(choice.url).toBe('http://localhost:8080')
    expect([choice.basic?.username, choice.basic?.password.reveal()]).toEqual(['admin', 's@cret'])
    expect(Bun.inspect(choice)).not.toContain('cret@')
  })

  test.each(['ftp://x', 'https://', 'http://exa mple', 'https://a:canary@b?x=1', 'https://a:canary@b#x'])(
    '%s is refused without being repeated',
    (text) => {
      const fault = faultOf(() => normalizeServer(text, '--server'))
      expect(fault.code).toBe('usage')
      expect(Bun.inspect(fault)).not.toContain('canary')
    },
  )
})

const stored = (...urls: string[]) => Promise.resolve(urls.map((server) => ({ server })))

describe('resolveServer', () => {
  test.each([
    [
      'the flag',
      'https://flag',
      { FOB_SERVER: 'https://env' },
      { server: 'https://set' },
      ['https://s'],
      'https://flag',
    ],
    [
      'FOB_SERVER',
      undefined,
      { FOB_SERVER: 'https://env' },
      { server: 'https://set' },
      ['https://s'],
      'https://env',
    ],
    ['the setting', undefined, {}, { server: 'https://set' }, ['https://s'], 'https://set'],
    ['the only stored one', undefined, {}, {}, ['https://s'], 'https://s'],
    [
      'the default where several are stored',
      undefined,
      {},
      {},
      ['https://s', 'https://t'],
      'http://localhost:8080',
    ],
    ['the default', undefined, {}, {}, [], 'http://localhost:8080'],
    [
      'R1: never CI_SERVER_URL',
      undefined,
      { CI_SERVER_URL: 'https://gitlab' },
      {},
      [],
      'http://localhost:8080',
    ],
  ])('S231: %s', async (_, flag, env, settings, urls, url) => {
    const choice = await resolveServer({ flag, env, settings, stored: () => stored(...urls) })
    expect(choice.url).toBe(url)
  })
})

describe("a project's file, once it is trusted", () => {
  const project = { path: '/p/.fob.toml', server: 'https://project', tenant: 'shop', account: 'ada' }
  const settings = { server: 'https://set', tenant: 'global' }

  test.each([
    ['stands before the settings', undefined, {}, 'https://project'],
    ['and behind FOB_SERVER', undefined, { FOB_SERVER: 'https://env' }, 'https://env'],
    ['and behind the flag', 'https://flag', {}, 'https://flag'],
  ])('%s', async (_, flag, env, url) => {
    const choice = await resolveServer({ flag, env, project, settings, stored: () => stored() })
    expect(choice.url).toBe(url)
    // What it says of tenant and account is about its own server.
    expect(projectFor(project, choice)).toEqual(url === 'https://project' ? project : undefined)
  })

  test.each([
    ['S226: its tenant stands before the settings', undefined, {}, 'shop'],
    ['and behind FOB_TENANT', undefined, { FOB_TENANT: 'variable' }, 'variable'],
    ['and behind the flag', 'flag', {}, 'flag'],
  ])('%s', (_, flag, env, tenant) => {
    const input = { flag, env, project, settings, server: 'https://project', captured: 'captured' }
    expect(resolveTenant(input)).toBe(tenant)
  })

  test('FOB_ACCOUNT outweighs its account', () => {
    expect(resolveAccount({ env: {}, project })).toEqual({ account: 'ada', source: '/p/.fob.toml' })
    expect(resolveAccount({ env: { FOB_ACCOUNT: 'bob' }, project })?.account).toBe('bob')
    expect(resolveAccount({ env: { FOB_ACCOUNT: '' }, project: undefined })).toBeUndefined()
  })

  test('a password in its address is refused, and not shown', () => {
    const fault = faultOf(() => projectServer({ ...project, server: 'https://u:canary@a' }))
    expect([fault.code, Bun.inspect(fault).includes('canary')]).toEqual(['config', false])
  })
})

describe('resolvePresented', () => {
  const valid = jwt({ exp: NOW / 1000 + 60 })
  const all = { FOB_TOKEN: 'fob', FOB_JWT_TOKEN: valid, CI_AUTH_TOKEN: 'ci' }
  const basic = { username: 'u', password: new Secret('p') }
  const base = {
    authToken: undefined,
    jwtToken: undefined,
    env: {},
    hasStored: false,
    basic: undefined,
    now: NOW,
  }

  test.each([
    [
      'S47: --auth-token beats everything',
      { authToken: 'flag', env: all, hasStored: true, basic },
      '--auth-token',
    ],
    ['--jwt-token stands beside it', { jwtToken: valid, env: all, hasStored: true, basic }, '--jwt-token'],
    ['FOB_TOKEN', { env: all, hasStored: true, basic }, 'FOB_TOKEN'],
    ['FOB_JWT_TOKEN', { env: { ...all, FOB_TOKEN: '' }, hasStored: true, basic }, 'FOB_JWT_TOKEN'],
    ['S39: CI_AUTH_TOKEN', { env: { CI_AUTH_TOKEN: 'ci' }, hasStored: true, basic }, 'CI_AUTH_TOKEN'],
    ['S46: the stored credential', { hasStored: true, basic }, 'stored'],
    ['Basic in the URL', { basic }, 'basic'],
    ['nothing', {}, 'none'],
  ])('R9: %s', (_, input, expected) => {
    const presented = resolvePresented({ ...base, ...input })
    expect(presented.kind === 'bearer' ? presented.source : presented.kind).toBe(expected)
  })

  test.each([
    ['both flags', { authToken: 'canary', jwtToken: valid }, 'usage'],
    ['a token with a line end inside', { authToken: 'canary\r\nX-Evil: 1' }, 'usage'],
    ['an empty token', { authToken: ' ' }, 'usage'],
    ['S127: a JWT of two parts', { jwtToken: 'canary.canary' }, 'usage'],
    ['S127: a JWT without JSON', { jwtToken: 'canary.canary.canary' }, 'usage'],
    ['S128: a JWT that has run out', { jwtToken: jwt({ exp: NOW / 1000 }) }, 'credentials_expired'],
  ])('%s is refused, and no token is shown', (_, input, code) => {
    const fault = faultOf(() => resolvePresented({ ...base, ...input }))
    expect(fault.code).toBe(code as Fault['code'])
    expect(Bun.inspect(fault)).not.toContain('canary')
  })

  test('a line end at the end of a token, as files have it, is cut', () => {
    const presented = resolvePresented({ ...base, env: { FOB_TOKEN: 'abc\n' } })
    expect(presented.kind === 'bearer' && presented.token.reveal()).toBe('abc')
  })

  test('the end of a JWT is read from it, and only from one', () => {
    expect(jwtExpiry(new Secret(valid))).toBe(NOW + 60_000)
    for (const other of [
      'abc',
      'a.b.c',
      jwt({ exp: 1e300 }),
      jwt({}),
      jwt({ exp: null }),
      jwt({ exp: 'soon' }),
    ]) {
      expect(jwtExpiry(new Secret(other))).toBeUndefined()
    }
  })
})

describe('the exp of a JWT is judged as what it is', () => {
  const soon = NOW + 60_000
  test.each([
    ['seconds', soon / 1000],
    ['milliseconds', soon],
    ['seconds in quotes', String(soon / 1000)],
    ['milliseconds in quotes', String(soon)],
    ['a date in quotes', new Date(soon).toISOString()],
  ])('%s', (_, exp) => {
    const token = new Secret(jwt({ exp }))
    expect(jwtExpiry(token)).toBe(soon)
    expect(() => requireUsableJwt(token, '--jwt-token', soon - 1)).not.toThrow()
    expect(() => requireUsableJwt(token, '--jwt-token', soon)).toThrow('the token in --jwt-token has expired')
  })

  test('null, and what is no time at all, are no end', () => {
    for (const exp of [null, 'soon', {}, true]) {
      expect(() => requireUsableJwt(new Secret(jwt({ exp })), '--jwt-token', NOW)).not.toThrow()
    }
  })

  test.each(['"', "'", '`'])('a JWT with %s around it is refused with a word', (quote) => {
    expect(() => parseToken(`${quote}${jwt({})}${quote}`, 'FOB_JWT_TOKEN')).toThrow(
      'FOB_JWT_TOKEN has quotes around the token',
    )
  })
})

describe('resolveTenant', () => {
  const settings = { tenant: 'global', servers: { 'https://a': { tenant: 'per-server' } } }
  const env = { FOB_TENANT: 'variable' }
  const captured = 'captured'
  test.each([
    ['1: the flag', { flag: 'flag', env, settings, captured }, 'flag'],
    ['then FOB_TENANT', { flag: undefined, env, settings, captured }, 'variable'],
    ['2: the setting of this server', { flag: undefined, env: {}, settings, captured }, 'per-server'],
    ['then the global one', { flag: undefined, env: {}, settings: { tenant: 'global' }, captured }, 'global'],
    ['3: the one captured at login', { flag: undefined, env: {}, settings: {}, captured }, 'captured'],
    ['none', { flag: undefined, env: {}, settings: {}, captured: undefined }, undefined],
  ])('S226: %s', (_, input, tenant) => {
    expect(resolveTenant({ server: 'https://a', ...input })).toBe(tenant)
  })

  test('what could not stand in a header is refused', () => {
    const input = { env: {}, settings: {}, server: 'https://a', captured: undefined }
    expect(faultOf(() => resolveTenant({ ...input, flag: 'a\r\nb' })).code).toBe('usage')
  })
})
