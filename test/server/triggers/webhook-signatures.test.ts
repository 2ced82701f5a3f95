/** Webhook signatures of GitHub, GitLab and others: accepted, refused, and the identity of a delivery. */
import { describe, expect, test } from 'bun:test'
import type { WebhookProvider } from '../../../src/contract/api/webhooks.ts'
import { Secret } from '../../../src/redact/secret.ts'
import { checkDelivery, requireKey } from '../../../src/server/triggers/webhook-signatures.ts'
import { genericHeaders, githubHeaders, standardHeaders } from '../../support/servers/webhook-signer.ts'

const NOW = Date.parse('2026-03-01T12:00:00Z')
const BODY = '{"ref":"refs/heads/main"}'
const SECRET = 'a-secret-of-the-webhook'
const SIGNING = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const PATH = '/api/webhooks/deploy?x=1'
const DAY = 86_400_000

interface Sent {
  provider: WebhookProvider
  headers: Record<string, string>
  body?: string
  secret?: string
  target?: string
}

const check = ({ provider, headers, body = BODY, secret = SECRET, target = PATH }: Sent) =>
  checkDelivery(
    provider,
    { method: 'POST', target, headers: new Headers(headers), body: new TextEncoder().encode(body) },
    new Secret(secret),
    NOW,
  )

const standard = (more: Partial<{ id: string; at: number }> = {}, body = BODY) =>
  standardHeaders(body, SIGNING, { id: 'msg_1', at: NOW, ...more })
const generic = (more: Partial<{ nonce: string; at: number; path: string }> = {}, body = BODY) =>
  genericHeaders(body, SECRET, { path: PATH, nonce: 'nonce-0001', at: NOW, ...more })
const without = (headers: Record<string, string>, name: string) => {
  const { [name]: _gone, ...rest } = headers
  return rest
}

test("GitHub's own example is accepted", async () => {
  // https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation
  const signature = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17'
  const headers = { 'x-hub-signature-256': signature, 'x-github-delivery': 'guid' }
  const sent = {
    provider: 'github',
    headers,
    body: 'Hello, World!',
    secret: "It's a Secret to Everybody",
  } as const
  expect(await check(sent)).toEqual({ id: 'guid', name: 'guid', until: NOW + 7 * DAY })
})

describe('is accepted', () => {
  const rows: [string, Sent, string][] = [
    ['GitHub', { provider: 'github', headers: githubHeaders(BODY, SECRET, 'guid-1') }, 'guid-1'],
    [
      'GitLab with a token',
      { provider: 'gitlab', headers: { 'x-gitlab-token': SECRET, 'idempotency-key': 'key-1' } },
      'key-1',
    ],
    ['GitLab with a signing token', { provider: 'gitlab', secret: SIGNING, headers: standard() }, 'msg_1'],
    [
      'one signed with two keys, while they change',
      {
        provider: 'gitlab',
        secret: SIGNING,
        headers: { ...standard(), 'webhook-signature': `v1,b3RoZXI= ${standard()['webhook-signature']}` },
      },
      'msg_1',
    ],
    ['a generic one', { provider: 'generic', headers: generic() }, 'nonce-0001'],
    [
      'one from nearly five minutes ago',
      { provider: 'generic', headers: generic({ at: NOW - 299_000 }) },
      'nonce-0001',
    ],
  ]
  test.each(rows)('%s', async (_name, sent, id) => {
    expect(await check(sent)).toMatchObject({ id })
  })
})

describe('is refused', () => {
  const github = githubHeaders(BODY, SECRET, 'g')
  const rows: [string, Sent][] = [
    ['GitHub: another body', { provider: 'github', headers: github, body: `${BODY} ` }],
    ['GitHub: another secret', { provider: 'github', headers: githubHeaders(BODY, `${SECRET}x`, 'g') }],
    ['GitHub: no signature', { provider: 'github', headers: without(github, 'x-hub-signature-256') }],
    [
      'GitHub: an empty one',
      { provider: 'github', headers: { ...github, 'x-hub-signature-256': 'sha256=' } },
    ],
    [
      'GitHub: without the name of the hash',
      {
        provider: 'github',
        headers: { ...github, 'x-hub-signature-256': github['x-hub-signature-256']?.slice(7) ?? '' },
      },
    ],
    ['GitHub: a token, as GitLab sends it', { provider: 'github', headers: { 'x-gitlab-token': SECRET } }],
    ['GitLab: no token', { provider: 'gitlab', headers: {} }],
    ['GitLab: another token', { provider: 'gitlab', headers: { 'x-gitlab-token': SECRET.toUpperCase() } }],
    [
      'GitLab: a token where it should sign',
      { provider: 'gitlab', secret: SIGNING, headers: { 'x-gitlab-token': SIGNING } },
    ],
    ['GitLab: another body', { provider: 'gitlab', secret: SIGNING, headers: standard(), body: `${BODY} ` }],
    [
      'GitLab: another ID',
      { provider: 'gitlab', secret: SIGNING, headers: { ...standard(), 'webhook-id': 'msg_2' } },
    ],
    ['GitLab: no ID', { provider: 'gitlab', secret: SIGNING, headers: standard({ id: '' }) }],
    ['GitLab: too old', { provider: 'gitlab', secret: SIGNING, headers: standard({ at: NOW - 301_000 }) }],
    ['GitLab: too new', { provider: 'gitlab', secret: SIGNING, headers: standard({ at: NOW + 301_000 }) }],
    ['generic: another body', { provider: 'generic', headers: generic(), body: `${BODY} ` }],
    ['generic: another path', { provider: 'generic', headers: generic(), target: '/api/webhooks/other?x=1' }],
    [
      'generic: another query',
      { provider: 'generic', headers: generic(), target: '/api/webhooks/deploy?x=2' },
    ],
    [
      'generic: another nonce',
      { provider: 'generic', headers: { ...generic(), 'x-cli-nonce': 'nonce-0002' } },
    ],
    ['generic: no nonce', { provider: 'generic', headers: without(generic(), 'x-cli-nonce') }],
    ['generic: no signature at all', { provider: 'generic', headers: {} }],
    ['generic: too old', { provider: 'generic', headers: generic({ at: NOW - 301_000 }) }],
    ['generic: from the future', { provider: 'generic', headers: generic({ at: NOW + 301_000 }) }],
  ]
  test.each(rows)('%s', async (_name, sent) => {
    expect(await check(sent)).toBeUndefined()
  })
})

describe('what a delivery is known by', () => {
  test('without an ID, its body', async () => {
    const one = await check({ provider: 'github', headers: githubHeaders(BODY, SECRET) })
    const other = await check({ provider: 'github', headers: githubHeaders('{}', SECRET), body: '{}' })
    expect(one?.id).toMatch(/^body [0-9a-f]{64}$/)
    expect(one?.id).not.toBe(other?.id)
  })

  test("GitLab's event ID alone is no name: events that set off each other share it", async () => {
    const headers = { 'x-gitlab-token': SECRET, 'x-gitlab-event-uuid': 'u' }
    const one = await check({ provider: 'gitlab', headers })
    const other = await check({ provider: 'gitlab', headers, body: '{}' })
    expect(one?.id).not.toBe(other?.id)
  })

  test('a generic one is forgotten when its timestamp is too old anyway', async () => {
    const sent = await check({ provider: 'generic', headers: generic({ at: NOW - 60_000 }) })
    expect(sent?.until).toBe(NOW + 240_000)
  })
})

describe("a signing token of GitLab's that is no key", () => {
  const weak = [
    ['nothing but other characters', `whsec_${'!'.repeat(20)}`, ''],
    ['what is base64 only here and there', 'whsec_AAAA!!!!!!!!!!!!', 'AAAA'],
    ['few bytes', 'whsec_MDEyMzQ1Njc4', 'MDEyMzQ1Njc4'],
  ] as const
  test.each(weak)('cannot be set: %s', (_, secret) => {
    expect(() => requireKey('gitlab', new Secret(secret))).toThrow('not base64 of 16 bytes or more')
  })
  test.each(weak)('lets nobody in who signs with what is left of it: %s', async (_, secret, left) => {
    const headers = standardHeaders(BODY, `whsec_${left}`, { id: 'msg_1', at: NOW })
    expect(await check({ provider: 'gitlab', secret, headers })).toBeUndefined()
  })
  test('is none for the other ways, and a whole one can be set', () => {
    requireKey('github', new Secret(weak[0][1]))
    requireKey('gitlab', new Secret(SIGNING))
    requireKey('gitlab', new Secret(SECRET))
  })
})
