/** Codes and tokens of the issuer: single use, rotation, revocation, forgery, stored hashes and signing keys. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { createHash, createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { eq } from 'drizzle-orm'
import { decodeJwt, SignJWT } from 'jose'
import { Fault } from '../../../../src/contract/fault.ts'
import { Secret } from '../../../../src/redact/secret.ts'
import { accessTokens, oidcRecords, serverKeys } from '../../../../src/server/db/schema.ts'
import { openIssuer } from '../../../../src/server/issuer/issuer.ts'
import { devicePages } from '../../../../src/server/web/device-login-template.ts'
import { renderProtocolError } from '../../../../src/server/web/login-consent-and-message-templates.ts'
import {
  authorize,
  Browser,
  decide,
  EMAIL,
  location,
  logIn,
  post,
  redeem,
  refresh,
  SESSION_SECRET,
  signIn,
  startWorld,
  type TokenAnswer,
  type World,
} from '../issuer-harness.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterEach(() => {
  world.time.ahead = 0
})
afterAll(() => world.stop())

const MINUTE = 60_000
const good = async (token: string) => world.issuer.verifyAccessToken(token) !== undefined
const tokensOf = async (answer: Response) => {
  expect(answer.status).toBe(200)
  return (await answer.json()) as TokenAnswer & { refresh_token: string }
}
const errorOf = async (answer: Response) => {
  expect(answer.status).toBe(400)
  return ((await answer.json()) as { error: string }).error
}

const formOf = (token: string) => `grant_type=refresh_token&client_id=fob-cli&refresh_token=${token}`
const postText = (body: string) =>
  fetch(`${world.url}/oauth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body,
  })
const revoke = (token: string) => post(world, '/oauth/revoke', { client_id: 'fob-cli', token })
const endAllPrograms = async () => {
  const { sessions } = world.issuer
  for (const { grantId } of await sessions.programs(world.ada)) await sessions.endProgram(world.ada, grantId)
}

describe('single use', () => {
  test('a code redeemed twice is refused, and ends what the first one got', async () => {
    const browser = new Browser(world.url)
    const attempt = authorize()
    const callback = await decide(browser, await signIn(browser, attempt), 'authorize')
    const code = callback.searchParams.get('code') ?? ''
    const first = await tokensOf(await redeem(world, code, attempt))
    expect(await good(first.access_token)).toBe(true)
    expect(await errorOf(await redeem(world, code, attempt))).toBe('invalid_grant')
    expect(await good(first.access_token)).toBe(false)
    expect(await errorOf(await refresh(world, first.refresh_token))).toBe('invalid_grant')
  })

  test('of eight that redeem one code at the same moment, one gets tokens', async () => {
    const browser = new Browser(world.url)
    const attempt = authorize()
    const callback = await decide(browser, await signIn(browser, attempt), 'authorize')
    const code = callback.searchParams.get('code') ?? ''
    const answers = await Promise.all(Array.from({ length: 8 }, () => redeem(world, code, attempt)))
    expect(answers.filter((answer) => answer.status === 200).length).toBeLessThanOrEqual(1)
    expect(answers.filter((answer) => answer.status >= 500).length).toBe(0)
  })

  test('a finished interaction cannot be taken up again', async () => {
    const browser = new Browser(world.url)
    const consent = await signIn(browser, authorize())
    const back = location(await browser.post(consent, { decision: 'authorize' }))
    expect(location(await browser.get(back))).toContain('code=')
    expect((await browser.get(back)).status).toBe(400)
    expect((await browser.post(consent, { decision: 'authorize' })).status).toBe(410)
  })
})

describe('refresh', () => {
  test('R6: a refresh token is rotated at every use', async () => {
    const first = await logIn(world)
    const second = await tokensOf(await refresh(world, first.refresh_token ?? ''))
    expect(second.refresh_token).not.toBe(first.refresh_token ?? '')
    expect(second.access_token).not.toBe(first.access_token)
    expect(second.expires_in).toBe(3600)
    expect(decodeJwt(second.access_token)).toMatchObject({ iss: 'fob', sub: world.ada.subject })
    const third = await tokensOf(await refresh(world, second.refresh_token))
    expect(await good(third.access_token)).toBe(true)
  })

  test('parallel commands that refresh at the same moment get the same answer', async () => {
    const { refresh_token: token = '' } = await logIn(world)
    const answers = await Promise.all(Array.from({ length: 4 }, () => refresh(world, token)))
    const all = await Promise.all(answers.map(tokensOf))
    expect(new Set(all.map((one) => one.refresh_token)).size).toBe(1)
    world.time.ahead = 29_000
    expect((await tokensOf(await refresh(world, token))).refresh_token).toBe(all[0]?.refresh_token ?? '')
  })

  test.each<[string, (token: string) => string]>([
    ['in another order', (token) => `refresh_token=${token}&client_id=fob-cli&grant_type=refresh_token`],
    [
      'spelled otherwise',
      (token) => `grant%5Ftype=refresh%5ftoken&client_id=fob%2Dcli&refresh_token=${token}`,
    ],
    ['with an empty scope', (token) => `${formOf(token)}&scope=`],
    ['with the whole scope, backwards', (token) => `${formOf(token)}&scope=runs:read+openid`],
    ['with the resource that it is for', (token) => `${formOf(token)}&resource=${world.url}`],
    ['with a field that means nothing', (token) => `${formOf(token)}&x=1`],
  ])('the same refresh %s gets the same answer', async (_name, again) => {
    const { refresh_token: token = '' } = await logIn(world, { scope: 'openid runs:read' })
    const first = await tokensOf(await refresh(world, token))
    expect(await tokensOf(await postText(again(token)))).toEqual(first)
    expect((await refresh(world, first.refresh_token)).status).toBe(200)
  })

  test.each([
    ['a narrower scope', 'scope=runs:read'],
    ['a wider scope', 'scope=openid+runs:read+secrets:write'],
    ['a resource that is not its own', 'resource=https://evil.example'],
  ])('%s within the grace is refused, and ends nothing', async (_name, more) => {
    const { refresh_token: token = '' } = await logIn(world, { scope: 'openid runs:read' })
    const first = await tokensOf(await refresh(world, token))
    const answer = await postText(`${formOf(token)}&${more}`)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(await errorOf(answer)).toBe('invalid_request')
    expect(await good(first.access_token)).toBe(true)
    expect((await tokensOf(await refresh(world, token))).access_token).toBe(first.access_token)
    expect((await refresh(world, first.refresh_token)).status).toBe(200)
  })

  test.each<[string, { client_id?: string; authorization?: string }, number]>([
    ['another client', { client_id: 'lone' }, 400],
    ['no client', { client_id: 'nobody' }, 401],
    ['a client with a password', { authorization: `Basic ${btoa('fob-cli:x')}` }, 401],
  ])('the grace is not for %s', async (_name, { authorization, ...more }, status) => {
    const { refresh_token: token = '' } = await logIn(world)
    const first = await tokensOf(await refresh(world, token))
    const form = { grant_type: 'refresh_token', client_id: 'fob-cli', refresh_token: token, ...more }
    const answer = await fetch(`${world.url}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams(form),
      ...(authorization === undefined ? {} : { headers: { authorization } }),
    })
    expect(answer.status).toBe(status)
    expect(await answer.text()).not.toContain('access_token')
    expect(await good(first.access_token)).toBe(true)
  })

  test('a server that was started anew repeats the answer too, and not after the 30 s', async () => {
    const { refresh_token: token = '' } = await logIn(world)
    const first = await tokensOf(await refresh(world, token))
    const ask = async () => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      const request = new Request(`${world.url}/oauth/token`, {
        method: 'POST',
        headers,
        body: formOf(token),
      })
      return (await world.reopen(SESSION_SECRET)).handle(request)
    }
    world.time.ahead = 29_000
    expect(await tokensOf(await ask())).toEqual(first)
    world.time.ahead = 31_000
    expect(await errorOf(await ask())).toBe('invalid_grant')
    expect(await good(first.access_token)).toBe(false)
  })

  test.each<[string, (tokens: TokenAnswer) => Promise<unknown>]>([
    ['its refresh token was revoked', ({ refresh_token: token = '' }) => revoke(token)],
    ['its access token was revoked', ({ access_token: token }) => revoke(token)],
    ['its login was ended by itself', ({ access_token: token }) => world.issuer.endTokenOf(token)],
    ['its person signed it out', () => endAllPrograms()],
    ['its person lost everything', () => world.issuer.revokeUser(world.ada)],
  ])('an answer is not repeated after %s', async (_name, end) => {
    const { refresh_token: token = '' } = await logIn(world)
    const first = await tokensOf(await refresh(world, token))
    await end(first)
    expect(await errorOf(await refresh(world, token))).toBe('invalid_grant')
    expect(await good(first.access_token)).toBe(false)
  })

  test('an answer that is kept ends with its grant, or after a while, and nobody can read it before', async () => {
    const kept = () => world.db.select().from(oidcRecords).where(eq(oidcRecords.kind, 'RefreshAnswer'))
    const { refresh_token: token = '' } = await logIn(world)
    const first = await tokensOf(await refresh(world, token))
    const row = (await kept()).find(({ id }) => id === createHash('sha256').update(token).digest('hex'))
    expect(row?.payload.length).toBeGreaterThan(1000)
    const { sealed } = JSON.parse(row?.payload ?? '') as { sealed: string }
    const text = JSON.stringify(row) + Buffer.from(sealed, 'base64').toString('latin1')
    for (const secret of [token, first.refresh_token, first.access_token]) expect(text).not.toContain(secret)
    await revoke(first.refresh_token)
    expect((await kept()).filter(({ grantId }) => grantId === row?.grantId)).toEqual([])
    const other = await logIn(world)
    await refresh(world, other.refresh_token ?? '')
    expect((await kept()).length).toBeGreaterThan(0)
    world.time.ahead = 31_000
    await world.issuer.purgeExpired()
    expect(await kept()).toEqual([])
  })

  test('a flood of refreshes fills nothing: the oldest answers go', async () => {
    const { refresh_token: token = '' } = await logIn(world)
    const row = { kind: 'RefreshAnswer', payload: '{}' }
    const rows = Array.from({ length: 5_200 }, (_, i) => ({ ...row, id: `flood ${i}`, expiresAt: i + 1 }))
    for (let i = 0; i < rows.length; i += 1_000) {
      await world.db.insert(oidcRecords).values(rows.slice(i, i + 1_000))
    }
    const first = await tokensOf(await refresh(world, token))
    const kept = await world.db.select().from(oidcRecords).where(eq(oidcRecords.kind, 'RefreshAnswer'))
    expect(kept.length).toBe(5_000)
    expect(await tokensOf(await refresh(world, token))).toEqual(first)
    await world.issuer.purgeExpired()
  })

  test('a refresh token that comes back after 30 s ends the whole login', async () => {
    const { refresh_token: stolen = '', access_token: first } = await logIn(world)
    const own = await tokensOf(await refresh(world, stolen))
    world.time.ahead = 31_000
    expect(await errorOf(await refresh(world, stolen))).toBe('invalid_grant')
    expect(await errorOf(await refresh(world, own.refresh_token))).toBe('invalid_grant')
    expect([await good(first), await good(own.access_token)]).toEqual([false, false])
  })

  test('a refresh token is bound to its client', async () => {
    const { refresh_token: token = '' } = await logIn(world)
    const form = { grant_type: 'refresh_token', client_id: 'lone', refresh_token: token }
    expect((await post(world, '/oauth/token', form)).status).toBe(400)
    expect((await refresh(world, token)).status).toBe(200)
  })

  test('a refresh cannot widen what was consented to', async () => {
    const { refresh_token: token = '' } = await logIn(world, { scope: 'openid runs:read' })
    const form = {
      grant_type: 'refresh_token',
      client_id: 'fob-cli',
      refresh_token: token,
      scope: 'secrets:write',
    }
    expect(await errorOf(await post(world, '/oauth/token', form))).toBe('invalid_scope')
  })

  test.each([
    ['of another server', 'https://evil.example'],
    ['that is no address', 'not a resource'],
    ['of this server that was not granted', 'MCP'],
  ])('a resource %s is refused, and nothing is used up by it', async (_name, named) => {
    const resource = named === 'MCP' ? `${world.url}/mcp` : named
    const { refresh_token: token = '' } = await logIn(world)
    const form = { grant_type: 'refresh_token', client_id: 'fob-cli', refresh_token: token }
    expect(await errorOf(await post(world, '/oauth/token', { ...form, resource }))).toBe('invalid_target')
    const right = await tokensOf(await post(world, '/oauth/token', { ...form, resource: world.url }))
    expect(await good(right.access_token)).toBe(true)
  })

  test('nor is a code used up by a resource that was not granted', async () => {
    const browser = new Browser(world.url)
    const attempt = authorize()
    const callback = await decide(browser, await signIn(browser, attempt), 'authorize')
    const code = callback.searchParams.get('code') ?? ''
    const wrong = await redeem(world, code, attempt, { resource: 'https://evil.example' })
    expect(await errorOf(wrong)).toBe('invalid_target')
    expect(await good((await tokensOf(await redeem(world, code, attempt))).access_token)).toBe(true)
  })

  test('of a grant for several resources, any can be asked for, or none', async () => {
    const browser = new Browser(world.url)
    const attempt = authorize()
    const target = new URL(attempt.target, world.url)
    for (const path of ['/', '/mcp']) target.searchParams.append('resource', world.url + path)
    const consent = await signIn(browser, { ...attempt, target: target.pathname + target.search })
    const callback = await decide(browser, consent, 'authorize')
    const code = callback.searchParams.get('code') ?? ''
    let { refresh_token: token } = await tokensOf(await redeem(world, code, attempt))
    for (const more of [{}, { resource: `${world.url}/mcp` }, { resource: `${world.url}/` }]) {
      const form = { grant_type: 'refresh_token', client_id: 'fob-cli', refresh_token: token, ...more }
      const next = await tokensOf(await post(world, '/oauth/token', form))
      expect(await good(next.access_token)).toBe(true)
      token = next.refresh_token
    }
  })

  test('two logins in one browser are two grants: ending one leaves the other', async () => {
    const browser = new Browser(world.url)
    const logInAgain = async (consent: string, attempt: ReturnType<typeof authorize>) => {
      const callback = await decide(browser, consent, 'authorize')
      return tokensOf(await redeem(world, callback.searchParams.get('code') ?? '', attempt))
    }
    const one = authorize()
    const first = await logInAgain(await signIn(browser, one), one)
    const two = authorize()
    const second = await logInAgain(location(await browser.get(two.target)), two)
    await post(world, '/oauth/revoke', { client_id: 'fob-cli', token: first.refresh_token })
    expect([await good(first.access_token), await good(second.access_token)]).toEqual([false, true])
    expect((await refresh(world, second.refresh_token)).status).toBe(200)
  })
})

describe('revocation (RFC 7009)', () => {
  test('a revoked refresh token takes its access tokens with it', async () => {
    const { refresh_token: token = '', access_token: access } = await logIn(world)
    const other = await logIn(world)
    const answer = await post(world, '/oauth/revoke', { client_id: 'fob-cli', token })
    expect(answer.status).toBe(200)
    expect(await good(access)).toBe(false)
    expect(await errorOf(await refresh(world, token))).toBe('invalid_grant')
    expect(await good(other.access_token)).toBe(true)
  })

  test('an access token can be revoked although it is a JWT', async () => {
    const { access_token: token } = await logIn(world)
    const form = { client_id: 'fob-cli', token, token_type_hint: 'access_token' }
    const answer = await post(world, '/oauth/revoke', form)
    expect([answer.status, await answer.text()]).toEqual([200, ''])
    expect(await good(token)).toBe(false)
    expect((await post(world, '/oauth/revoke', form)).status).toBe(200)
  })

  test.each([
    ['another client', (token: string) => ({ client_id: 'lone', token }), 200],
    ['nobody', (token: string) => ({ client_id: 'nobody', token }), 401],
    ['no client', (token: string) => ({ token }), 401],
  ])('%s cannot revoke it', async (_name, form, status) => {
    const { access_token: token } = await logIn(world)
    expect((await post(world, '/oauth/revoke', form(token))).status).toBe(status)
    expect(await good(token)).toBe(true)
  })

  test('what is no token of ours is answered the same', async () => {
    const foreign = await new SignJWT({}).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.alloc(32, 1))
    for (const token of [foreign, 'not-a-token', 'a.b.c']) {
      expect((await post(world, '/oauth/revoke', { client_id: 'fob-cli', token })).status).toBe(200)
    }
  })
})

const header = (alg: string) => Buffer.from(JSON.stringify({ alg, typ: 'at+jwt' })).toString('base64url')

describe('what is not believed', () => {
  const key = Buffer.from(SESSION_SECRET)
  const forge = async (
    change: (claims: Record<string, unknown>) => void = () => {},
    typ = 'at+jwt',
    signer = key,
  ) => {
    const claims: Record<string, unknown> = decodeJwt((await logIn(world)).access_token)
    change(claims)
    return new SignJWT(claims).setProtectedHeader({ alg: 'HS256', typ }).sign(signer)
  }

  test('the forgery itself is sound: unchanged, it is believed', async () => {
    expect(await good(await forge())).toBe(true)
  })

  test.each<[string, () => Promise<string>]>([
    ['a changed subject', () => forge((claims) => (claims.sub = 'someone else'))],
    ['a changed provider', () => forge((claims) => (claims.provider = 'github'))],
    ['another issuer', () => forge((claims) => (claims.iss = 'pocketci'))],
    ['another audience', () => forge((claims) => (claims.aud = 'https://other.example'))],
    ['no audience', () => forge((claims) => delete claims.aud)],
    ['an unknown jti', () => forge((claims) => (claims.jti = 'never-issued'))],
    ['no jti', () => forge((claims) => delete claims.jti)],
    ['no expiry', () => forge((claims) => delete claims.exp)],
    ['an expiry in the past', () => forge((claims) => (claims.exp = 1))],
    ['a JWT of another type', () => forge(() => {}, 'JWT')],
    ['another key', () => forge(() => {}, 'at+jwt', Buffer.from('a session secret of more than 32 bytez'))],
    ['an ID token', async () => (await logIn(world)).id_token ?? ''],
    ['a refresh token', async () => (await logIn(world)).refresh_token ?? ''],
    ['nothing', async () => ''],
    ['noise', async () => 'a.b.c'],
  ])('%s', async (_name, token) => {
    expect(await good(await token())).toBe(false)
  })

  test('alg none, and a public key used as the secret', async () => {
    const { access_token: real } = await logIn(world)
    const [, payload = ''] = real.split('.')
    expect(await good(`${header('none')}.${payload}.`)).toBe(false)
    const jwks = (await (await fetch(`${world.url}/oauth/jwks`)).json()) as { keys: Record<string, string>[] }
    const pem = createPublicKey({ key: jwks.keys[0] ?? {}, format: 'jwk' }).export({
      type: 'spki',
      format: 'pem',
    })
    const input = `${header('HS256')}.${payload}`
    expect(await good(`${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`)).toBe(false)
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    const rs256 = await new SignJWT(decodeJwt(real))
      .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt' })
      .sign(rsa)
    expect(await good(rs256)).toBe(false)
  })

  test('S37: an expired token', async () => {
    const { access_token: token } = await logIn(world)
    world.time.ahead = 59 * MINUTE
    expect(await good(token)).toBe(true)
    world.time.ahead = 61 * MINUTE
    expect(await good(token)).toBe(false)
  })
})

describe('what the database holds', () => {
  test('no usable code, refresh token, session or access token', async () => {
    const browser = new Browser(world.url)
    const attempt = authorize()
    const callback = await decide(browser, await signIn(browser, attempt), 'authorize')
    const code = callback.searchParams.get('code') ?? ''
    const { access_token: access, refresh_token: token } = await tokensOf(await redeem(world, code, attempt))
    const session = browser.cookies.find((cookie) => cookie.name === 'fob_session')?.value ?? ''
    const files = readdirSync(world.dataDir).map((name) => readFileSync(join(world.dataDir, name), 'latin1'))
    // The search works: what is meant to be there is found.
    expect(files.some((bytes) => bytes.includes(EMAIL))).toBe(true)
    for (const secret of [
      code,
      token,
      session,
      access,
      access.split('.')[2] ?? '',
      attempt.verifier,
      SESSION_SECRET,
    ]) {
      expect(secret.length).toBeGreaterThan(20)
      expect(files.some((bytes) => bytes.includes(secret))).toBe(false)
    }
    const rows = await world.db.select().from(oidcRecords)
    const bearers = rows.filter((row) => row.kind !== 'Grant' && row.kind !== 'Interaction')
    expect(new Set(bearers.map((row) => row.kind))).toEqual(
      new Set(['Session', 'AuthorizationCode', 'RefreshToken', 'RefreshAnswer']),
    )
    for (const row of bearers) expect(row.id).toMatch(/^[0-9a-f]{64}$/)
    for (const row of rows) expect(row.payload).not.toMatch(/"jti"|"cookie"/)
  })

  test('nor do the logs', async () => {
    const { access_token: access, refresh_token: token = '' } = await logIn(world)
    await post(world, '/oauth/revoke', { client_id: 'fob-cli', token })
    await refresh(world, token)
    const lines = world.logs.join('\n')
    expect(lines).toContain('authorization server refused a request')
    for (const secret of [access, token, SESSION_SECRET, 'correct horse battery'])
      expect(lines).not.toContain(secret)
  })

  test('what has expired is swept out, what has not stays', async () => {
    const { access_token: token } = await logIn(world)
    const { jti = '' } = decodeJwt(token)
    await world.issuer.purgeExpired()
    expect(await good(token)).toBe(true)
    world.time.ahead = 2 * 60 * MINUTE
    await world.issuer.purgeExpired()
    expect(await world.db.select().from(accessTokens).where(eq(accessTokens.jti, jti))).toEqual([])
    const kinds = (await world.db.select().from(oidcRecords)).map((row) => row.kind)
    expect(kinds).toContain('RefreshToken')
    expect(kinds).not.toContain('AuthorizationCode')
  })
})

describe('when the credentials change', () => {
  test('a new password ends the sessions, refresh tokens and access tokens of that user alone', async () => {
    const bob = { email: 'bob@example.com', password: 'bobs own password' }
    await world.accounts.addLocal({ email: bob.email, password: new Secret(bob.password) })
    const adas = await logIn(world)
    const browser = new Browser(world.url)
    const attempt = authorize()
    const callback = await decide(browser, await signIn(browser, attempt, bob), 'authorize')
    const bobs = await tokensOf(await redeem(world, callback.searchParams.get('code') ?? '', attempt))
    await world.accounts.setPassword(bob.email, new Secret('a better password'))
    expect([await good(adas.access_token), await good(bobs.access_token)]).toEqual([true, false])
    expect(await errorOf(await refresh(world, bobs.refresh_token))).toBe('invalid_grant')
    expect(location(await browser.get(authorize().target))).toStartWith('/auth/login/')
  })

  test('a removed user has no token left, and a half-done login goes nowhere', async () => {
    const eve = { email: 'eve@example.com', password: 'eves own password' }
    await world.accounts.addLocal({ email: eve.email, password: new Secret(eve.password) })
    const browser = new Browser(world.url)
    const consent = await signIn(browser, authorize(), eve)
    await world.accounts.remove(eve.email)
    expect((await browser.post(consent, { decision: 'authorize' })).status).toBe(410)
  })

  test('the issuer can end a user by itself', async () => {
    const { access_token: token } = await logIn(world)
    await world.issuer.revokeUser(world.ada)
    expect(await good(token)).toBe(false)
  })
})

describe('the keys', () => {
  test('the ID token key survives a restart, sealed; another session secret makes another key', async () => {
    const kid = async (issuer: World['issuer']) => {
      const answer = await issuer.handle(new Request(`${world.url}/oauth/jwks`))
      return ((await answer.json()) as { keys: { kid: string }[] }).keys.map((one) => one.kid).join()
    }
    const before = await kid(world.issuer)
    expect(await kid(await world.reopen(SESSION_SECRET))).toBe(before)
    const [row] = await world.db.select().from(serverKeys)
    expect(row?.sealed.toString('latin1')).not.toContain('"kty"')
    const { access_token: token } = await logIn(world)
    const other = await world.reopen('quite another secret, also of 32 bytes')
    expect(await kid(other)).not.toBe(before)
    expect(other.verifyAccessToken(token)).toBeUndefined()
  })

  test.each([
    ['S19: a session secret of 31 bytes', 'http://127.0.0.1:1', 'x'.repeat(31)],
    ['S20: a public URL with a path', 'https://ci.example.com/fob', 'x'.repeat(32)],
    ['S20: a public URL of another scheme', 'ftp://ci.example.com', 'x'.repeat(32)],
    ['S20: no URL', 'ci.example.com', 'x'.repeat(32)],
  ])('%s is refused', async (_name, url, secret) => {
    const { accounts, db } = world
    const clock = { now: () => Date.now(), sleep: () => Promise.resolve() }
    const log = { info: () => {}, warn: () => {}, error: () => {} }
    const opening = openIssuer({
      db,
      url,
      accounts,
      clock,
      log,
      sessionSecret: new Secret(secret),
      errorPage: renderProtocolError,
      devicePages: devicePages('x'),
    })
    const error = await opening.then(
      () => undefined,
      (e: unknown) => e,
    )
    expect(error).toBeInstanceOf(Fault)
    expect(String(error)).not.toContain(secret)
  })
})

test('a body of more than 64 KiB is not read', async () => {
  const answer = await post(world, '/oauth/token', {
    grant_type: 'authorization_code',
    code: 'x'.repeat(70_000),
  })
  expect(answer.status).toBe(413)
})
