/** Names that completion looks up on a server: unsafe names, tokens, silent and unreachable servers. */
import { afterAll, expect, test } from 'bun:test'
import { lookupWith } from '../../../src/cli/completion/look-up-server-and-login-names.ts'
import { fakeDeps } from '../../support/client/fake-deps.ts'

const HOSTILE = [
  '$(touch pwned)',
  '`id`',
  'a;id',
  'a b',
  'a\tb',
  'a\nb',
  '-rf',
  '--auth-config=x',
  '~root',
  '=ls',
  '!!',
  'a*',
  "a'b",
  'a"b',
  'a\\b',
  'a\u202eb',
  'a\u001b[31m',
  'a|b',
  'a&b',
  'a{b,c}',
  '',
]
const seen: (string | null)[] = []
let holdBack = false
const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  async fetch(request) {
    seen.push(request.headers.get('authorization'))
    if (holdBack) await Bun.sleep(5000)
    const items = [...HOSTILE, 'deploy.prod-1'].map((key) => ({
      id: key,
      key,
      scope: 'pipeline',
      pipeline: 'x\u001b[31m\ty',
      createdAt: '2026-01-01T00:00:00.000Z',
      updatedAt: '2026-01-01T00:00:00.000Z',
      lastUsedAt: null,
      lastRun: null,
    }))
    return Response.json({ items, next: null })
  },
})
afterAll(() => server.stop(true))
const url = `http://127.0.0.1:${server.port}`

test('a name that a shell would read as more than a word is not offered', async () => {
  const [only, ...more] = await lookupWith(fakeDeps())('secret', { server: url })
  expect(more).toEqual([])
  expect(only?.value).toBe('deploy.prod-1')
  // Nor does what stands beside it move the cursor, or pass for a word of its own.
  expect(only?.description).not.toContain('\u001b')
  expect(only?.description).not.toContain('\t')
})

test('a token that was meant for a command goes nowhere', async () => {
  seen.length = 0
  for (const name of ['FOB_TOKEN', 'FOB_JWT_TOKEN', 'CI_AUTH_TOKEN']) {
    const deps = fakeDeps({ env: { [name]: 'aaaa.bbbb.cccc' } })
    expect(await lookupWith(deps)('secret', { server: url })).toEqual([])
  }
  const basic = url.replace('://', '://user:pass-word@')
  expect(await lookupWith(fakeDeps())('secret', { server: basic })).toEqual([])
  expect(seen).toEqual([])
})

test('nobody waits for a server that does not answer, and nothing is said', async () => {
  holdBack = true
  const deps = fakeDeps({ terminal: true })
  const started = performance.now()
  expect(await lookupWith(deps)('secret', { server: url })).toEqual([])
  expect(performance.now() - started).toBeLessThan(4000)
  expect([deps.io.out(), deps.io.err()]).toEqual(['', ''])
})

test('a server that is not there has no names', async () => {
  expect(await lookupWith(fakeDeps())('run', { server: 'http://127.0.0.1:1' })).toEqual([])
  expect(await lookupWith(fakeDeps())('run', { server: 'no address' })).toEqual([])
})
