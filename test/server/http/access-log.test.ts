/** The lines of the access log: request, status, address, no query, and fewer addresses for rapid reads. */
import { describe, expect, test } from 'bun:test'
import { administrator, anonymous } from '../../../src/server/auth/create-principal.ts'
import { openAccessLog } from '../../../src/server/http/access-log.ts'
import { Call } from '../../../src/server/http/request-context.ts'
import { openHeldBodies } from '../../../src/server/http/request/limit-total-body-bytes.ts'
import { jsonLog } from '../../../src/server/log.ts'
import type { Principal } from '../../../src/server/access-rules/principal.ts'

const TENANT = { id: 'ten', slug: 'default' }
const by = (id: string): Principal => ({
  ...administrator('open', `user:${id}`, id, TENANT),
  kind: 'token',
  credential: { kind: 'token', id },
})
const A = by('a')
const B = by('b')

function setUp() {
  const lines: Record<string, unknown>[] = []
  const clock = { now: 0, asked: 0 }
  const now = () => clock.now
  const log = jsonLog((line) => lines.push(JSON.parse(line) as Record<string, unknown>), now)
  const logRequest = openAccessLog({ log, clock: { now, sleep: () => Promise.resolve() } })
  const peers = {
    addressOf: () => {
      clock.asked++
      return '192.0.2.1'
    },
    keepOpen: () => {},
    held: openHeldBodies(),
  }
  /** @returns whether its line says where from */
  const says = (principal: Principal, { at = 0, method = 'GET', status = 200, known = false } = {}) => {
    clock.now = at
    const request = new Request('http://fob.example/api/runs?code=hidden', { method })
    const call = new Call({ request, path: '/api/runs', params: {} }, principal, peers)
    if (known) call.noteAddress()
    logRequest(call, status, at - 3)
    return lines.at(-1)?.address === '192.0.2.1'
  }
  return { says, lines, clock }
}

describe('a line of the access log', () => {
  test('says what was asked and how it was answered, without the query', () => {
    const { says, lines } = setUp()
    says(A, { at: 5 })
    expect(lines).toEqual([
      {
        time: '1970-01-01T00:00:00.005Z',
        level: 'info',
        message: 'request',
        requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        method: 'GET',
        path: '/api/runs',
        status: 200,
        ms: 3,
        address: '192.0.2.1',
      },
    ])
  })

  test('says where from, of reads of one credential that come close upon each other once each 100 ms', () => {
    const { says, clock } = setUp()
    expect([0, 99, 100, 150, 200].map((at) => says(A, { at }))).toEqual([true, false, true, false, true])
    expect(clock.asked).toBe(3)
    expect(says(B, { at: 201 })).toBe(true)
  })

  test.each<[string, Principal, { method?: string; status?: number }]>([
    ['a change', A, { method: 'POST' }],
    ['a refusal', A, { status: 403 }],
    ['a failure', A, { status: 500 }],
    ['no credential', anonymous(TENANT), {}],
  ])('always says so of %s', (_, principal, request) => {
    const { says } = setUp()
    expect([0, 1, 2].map((at) => says(principal, { at, ...request }))).toEqual([true, true, true])
  })

  test('says so where it is known anyway', () => {
    const { says } = setUp()
    expect([0, 1].map((at) => says(A, { at, known: true }))).toEqual([true, true])
  })

  test('says so when the clock was put back', () => {
    const { says } = setUp()
    says(A, { at: 10_000 })
    expect(says(A, { at: 0 })).toBe(true)
  })
})
