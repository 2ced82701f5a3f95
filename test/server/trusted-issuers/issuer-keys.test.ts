/** The keys of issuers: rotation, outages, and what an issuer can do wrong. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { openDatabase } from '../../../src/server/db/open-database.ts'
import { tenants } from '../../../src/server/db/schema.ts'
import { sealUnder } from '../../../src/server/issuer/seal-under-session-secret.ts'
import { jsonLog } from '../../../src/server/log.ts'
import { fetchIssuerKeys } from '../../../src/server/trusted-issuers/fetch-issuer-keys.ts'
import type { TrustedIssuer } from '../../../src/server/trusted-issuers/trusted-issuer-type.ts'
import { openTrustedIssuers } from '../../../src/server/trusted-issuers/trusted-issuers.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { startWorkloadIssuer, type WorkloadIssuer } from '../../support/stand-ins/workload-issuer.ts'

const AUDIENCE = 'https://ci.example.com'
const MINUTE = 60_000
const DAY_SECONDS = 86_400

let issuer: WorkloadIssuer
let database: ReturnType<typeof openDatabase>
let log: string
const clock = manualClock(Date.now())

beforeEach(() => {
  issuer = startWorkloadIssuer({ usual: 'ES256' })
  database = openDatabase(':memory:')
  database.db.insert(tenants).values({ id: 't', slug: 'default', name: 'Default', createdAt: 0 }).run()
  log = ''
})
afterEach(async () => {
  database.close()
  await issuer.stop()
})

const entry = (more: Partial<TrustedIssuer> = {}): TrustedIssuer => ({
  name: 'ci',
  issuer: issuer.url,
  keysUrl: undefined,
  audience: AUDIENCE,
  conditions: [],
  tenant: 'default',
  role: 'member',
  scopes: ['runs:trigger'],
  pipelines: null,
  maxLifetimeSeconds: DAY_SECONDS,
  ...more,
})

const BY = { address: '192.0.2.1' }
const seal = sealUnder(randomBytes(32))

const open = (entries: readonly TrustedIssuer[] = [entry()], timeoutMs?: number) =>
  openTrustedIssuers(entries, {
    db: database.db,
    clock,
    log: jsonLog((line) => void (log += `${line}\n`), Date.now),
    fetch: (url, init) => fetch(url, init),
    seal,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  })

const seconds = () => Math.floor(clock.now() / 1000)
const mint = (claims: Record<string, unknown> = {}, how?: Parameters<WorkloadIssuer['mintToken']>[1]) =>
  issuer.mintToken(
    { aud: AUDIENCE, iat: seconds(), nbf: seconds(), exp: seconds() + DAY_SECONDS / 2, ...claims },
    how,
  )
const keyRequests = () => issuer.requests.filter((request) => request === 'GET /keys').length

describe('keys', () => {
  test('are found by discovery and fetched once for many tokens, however many come at once', async () => {
    const trusted = open()
    issuer.behaviour.keys = { kind: 'slow', ms: 50 }
    const found = await Promise.all(Array.from({ length: 100 }, () => trusted.verify(mint(), BY)))
    expect(found.every((workload) => workload !== undefined)).toBe(true)
    expect(issuer.requests).toEqual(['GET /.well-known/openid-configuration', 'GET /keys'])
  })

  test('are at the address of the setting, where the issuer has no metadata', async () => {
    issuer.behaviour.noMetadata = true
    expect(await open().verify(mint(), BY)).toBeUndefined()
    expect(await open([entry({ keysUrl: `${issuer.url}/keys` })]).verify(mint(), BY)).toBeDefined()
  })

  test('that are new are fetched when a token names one', async () => {
    const trusted = open()
    const before = mint()
    await trusted.verify(before, BY)
    await clock.advance(MINUTE)
    issuer.rotateKeys()
    expect(await trusted.verify(mint(), BY)).toBeDefined()
    expect(await trusted.verify(before, BY)).toBeDefined()
    expect(keyRequests()).toBe(2)
  })

  test('that do not exist are asked for once in ten seconds, whoever names them', async () => {
    const trusted = open()
    await trusted.verify(mint(), BY)
    await clock.advance(MINUTE)
    const strange = () => mint({}, { header: { kid: crypto.randomUUID() } })
    const all = await Promise.all(Array.from({ length: 50 }, () => trusted.verify(strange(), BY)))
    for (let i = 0; i < 20; i++) await trusted.verify(strange(), BY)
    expect(all.every((workload) => workload === undefined)).toBe(true)
    expect(keyRequests()).toBe(2)
  })

  test('that are gone let nobody in ten minutes later, not even who was in before', async () => {
    const trusted = open()
    const token = mint()
    await trusted.verify(token, BY)
    issuer.rotateKeys(false)
    expect(trusted.known(token)).toBeDefined()
    await clock.advance(10 * MINUTE)
    expect(trusted.known(token)).toBeUndefined()
    expect(await trusted.verify(token, BY)).toBeUndefined()
    expect(log).toContain('its issuer has no such key')
  })

  test('are used for an hour while the issuer is down, and no longer', async () => {
    const trusted = open()
    const token = mint()
    await trusted.verify(token, BY)
    issuer.behaviour.keys = { kind: 'down' }
    await clock.advance(59 * MINUTE)
    expect(await trusted.verify(token, BY)).toBeDefined()
    await clock.advance(2 * MINUTE)
    expect(await trusted.verify(token, BY)).toBeUndefined()
    expect(log).toContain('responded 503')
    issuer.behaviour.keys = { kind: 'none' }
    await clock.advance(MINUTE)
    expect(await trusted.verify(token, BY)).toBeDefined()
  })
})

describe('an issuer that does something wrong lets nobody in', () => {
  const wrongs: [string, (it: WorkloadIssuer) => void, string][] = [
    ['it is down', (it) => void (it.behaviour.metadata = { kind: 'down' }), 'responded 503'],
    ['its keys are slow', (it) => void (it.behaviour.keys = { kind: 'slow', ms: 60_000 }), 'did not respond'],
    [
      'its keys are huge',
      (it) => void (it.behaviour.keys = { kind: 'huge', bytes: 2_000_000 }),
      'sent more than 524288 bytes',
    ],
    [
      'its metadata is not JSON',
      (it) => void (it.behaviour.metadata = { kind: 'not json' }),
      'sent something else',
    ],
    [
      'its metadata is about another issuer',
      (it) => void (it.behaviour.metadataIssuer = 'https://login.example'),
      'is about another issuer',
    ],
    [
      'its keys are at an address without https',
      (it) => void (it.behaviour.jwksUri = 'http://login.example/keys'),
      'at an address without https',
    ],
    ['it is not there', (it) => void (it.behaviour.jwksUri = 'http://127.0.0.1:1/keys'), 'did not respond'],
  ]

  test.each(wrongs)('%s', async (_, wrong, why) => {
    wrong(issuer)
    // Only who waits for the deadline has a short one: a busy machine takes its time.
    const trusted = open([entry()], issuer.behaviour.keys.kind === 'slow' ? 300 : undefined)
    expect(await trusted.verify(mint(), BY)).toBeUndefined()
    expect(log).toContain("its issuer's keys are not known")
    expect(log).toContain(why)
  })

  test.each(['metadata', 'keys'] as const)(
    'its %s redirects to another host, which is not asked',
    async (what) => {
      await using elsewhere = startWorkloadIssuer({ usual: 'ES256' })
      issuer.behaviour[what] = { kind: 'redirect', origin: elsewhere.url }
      expect(await open().verify(mint(), BY)).toBeUndefined()
      expect(log).toContain('redirects, which is not followed')
      expect(elsewhere.requests).toEqual([])
    },
  )

  test('an issuer that holds its keys back does not let requests pile up', async () => {
    issuer.behaviour.keys = { kind: 'slow', ms: 60_000 }
    const trusted = open()
    const token = mint()
    const all = Array.from({ length: 1100 }, () => trusted.verify(token, BY))
    const refused = await Promise.all(all.slice(1000))
    expect(refused.every((workload) => workload === undefined)).toBe(true)
    await issuer.holding()
    issuer.release()
    expect((await Promise.all(all.slice(0, 1000))).every((workload) => workload !== undefined)).toBe(true)
    expect(keyRequests()).toBe(1)
  })
})

describe('exchanged tokens', () => {
  test('end with the setting that let them in, also where it only says something else', async () => {
    const issued = await open().exchange(mint(), undefined, BY)
    const token = issued.kind === 'issued' ? issued.token : ''
    expect(open().verifyExchanged(token)).toMatchObject({ subject: expect.any(String) as string })
    expect(open([entry({ issuer: 'https://elsewhere.example' })]).verifyExchanged(token)).toBeUndefined()
    const conditions = [{ kind: 'rule', rule: 'claims.ref == "refs/heads/main"' }] as const
    expect(open([entry({ conditions })]).verifyExchanged(token)).toBeUndefined()
  })

  test('are good while the issuer is down', async () => {
    const trusted = open()
    const issued = await trusted.exchange(mint(), undefined, BY)
    issuer.behaviour.metadata = { kind: 'down' }
    await clock.advance(30 * MINUTE)
    expect(trusted.verifyExchanged(issued.kind === 'issued' ? issued.token : '')).toBeDefined()
  })
})

test('a rule that is not valid is refused at the start, with its place', () => {
  const conditions = [{ kind: 'rule', rule: 'claim.ref == "x"' }] as const
  expect(() => open([entry({ conditions })])).toThrow(
    'the trusted issuer ci: the rule has an error at column 1: "claim" is not known',
  )
})

test('a thousand different tokens are remembered, and each is verified once', async () => {
  const trusted = open()
  const tokens = Array.from({ length: 1000 }, () => mint())
  await Promise.all(tokens.map((token) => trusted.verify(token, BY)))
  expect(tokens.every((token) => trusted.known(token) !== undefined)).toBe(true)
  expect(keyRequests()).toBe(1)
})

test('an issuer elsewhere cannot have its keys at a port of this machine', async () => {
  const asked: string[] = []
  const metadata = { issuer: 'https://login.example', jwks_uri: `${issuer.url}/keys` }
  const respond = async (url: string | URL | Request) => {
    asked.push(url instanceof Request ? url.url : String(url))
    return Response.json(metadata)
  }
  const place = { issuer: metadata.issuer, keysUrl: undefined }
  const found = await fetchIssuerKeys(place, { fetch: respond })
  expect(found).toMatchObject({ kind: 'failed', why: expect.stringContaining('without https') as string })
  expect(asked).toEqual(['https://login.example/.well-known/openid-configuration'])
})
