/** Rate limits: per address, account and name, their recovery, their memory, and `X-Forwarded-For`. */
import { describe, expect, test } from 'bun:test'
import { HttpError } from '../../../../src/server/http/response/http-error.ts'
import { openForwarded } from '../../../../src/server/http/request/client-address-behind-proxies.ts'
import { openLimits } from '../../../../src/server/http/guards/rate-limits.ts'

const refusal = (work: () => unknown): HttpError | undefined => {
  try {
    work()
    return undefined
  } catch (error) {
    if (error instanceof HttpError) return error
    throw error
  }
}

/** How many go through before one is refused. */
const burst = (take: () => unknown, most = 1000): number => {
  for (let i = 0; i < most; i++) if (refusal(take)) return i
  return most
}

function setUp(maxKeys?: number) {
  const time = { now: 1_700_000_000_000 }
  const limits = openLimits({ now: () => time.now, sleep: () => Promise.resolve() }, maxKeys)
  return { time, limits }
}

describe('rate limits', () => {
  test('let an allowance through at once, then refuse with 429 and say until when', () => {
    const { limits } = setUp()
    const take = () => limits.take('login', { kind: 'address', id: '192.0.2.7' })
    expect(take()).toEqual({
      'ratelimit-limit': '120',
      'ratelimit-remaining': '119',
      'ratelimit-reset': '1',
    })
    expect(burst(take)).toBe(119)
    const error = refusal(take)
    expect(error).toMatchObject({ status: 429, code: 'rate_limited', details: { retryAfter: 1 } })
    expect(error?.headers).toEqual({
      'ratelimit-limit': '120',
      'ratelimit-remaining': '0',
      'ratelimit-reset': '60',
      'retry-after': '1',
    })
  })

  test('give the allowance back evenly, and never more than it', () => {
    const { time, limits } = setUp()
    const take = () => limits.take('login', { kind: 'address', id: '192.0.2.7' })
    burst(take)
    time.now += 10_000
    expect(burst(take)).toBe(20)
    time.now += 60 * 60_000
    expect(burst(take)).toBe(120)
  })

  test('refused requests cost nothing: whoever waits as told gets in', () => {
    const { time, limits } = setUp()
    const take = () => limits.take('token-creation', { kind: 'account', id: 'local:1' })
    burst(take)
    for (let i = 0; i < 500; i++) refusal(take)
    const seconds = Number(refusal(take)?.headers['retry-after'])
    time.now += seconds * 1000
    expect(refusal(take)).toBeUndefined()
  })

  test('count addresses, accounts and names apart, and an IPv6 network as one', () => {
    const { limits } = setUp()
    burst(() => limits.take('login', { kind: 'address', id: '2001:db8:1:2::1' }))
    expect(refusal(() => limits.take('login', { kind: 'address', id: '2001:db8:1:2:ffff::9' }))).toBeDefined()
    expect(refusal(() => limits.take('login', { kind: 'address', id: '2001:db8:1:3::1' }))).toBeUndefined()
    expect(refusal(() => limits.take('login', { kind: 'account', id: '2001:db8:1:2::1' }))).toBeUndefined()
    expect(refusal(() => limits.take('device', { kind: 'address', id: '2001:db8:1:2::1' }))).toBeUndefined()
  })

  test('have an end for all addresses together, which costs refused requests nothing', () => {
    const { time, limits } = setUp()
    let i = 0
    const take = () => limits.take('registration', { kind: 'address', id: `10.${i >> 8}.${i++ & 255}.1` })
    expect(burst(take)).toBe(600)
    const error = refusal(take)
    expect(error).toMatchObject({ status: 429, details: { retryAfter: 1 } })
    expect(error?.headers['ratelimit-limit']).toBe('600')
    time.now += 10_000
    expect(burst(take)).toBe(10)
    expect(refusal(() => limits.take('registration', { kind: 'account', id: 'local:1' }))).toBeUndefined()
  })

  test('stay closed for those they know when the memory is full, and let newcomers share one allowance', () => {
    const { time, limits } = setUp(10)
    const from = (i: number) => () => limits.take('login', { kind: 'address', id: `192.0.2.${i}` })
    burst(from(0))
    for (let i = 1; i < 10; i++) from(i)()
    expect(refusal(from(0))).toBeDefined()
    let i = 10
    // Each from an address of its own, and all together no more than one may.
    expect(burst(() => from(i++)(), 240)).toBe(120)
    expect(refusal(from(0))).toBeDefined()
    time.now += 10 * 60_000
    expect(refusal(from(250))).toBeUndefined()
  })
})

describe('X-Forwarded-For', () => {
  const PEER = '10.0.0.1'
  test.each<[name: string, trusted: string[], peer: string, header: string | null, address: string]>([
    ['is not read without a trusted proxy', [], PEER, '203.0.113.9', PEER],
    ['is not read from anybody else', ['10.0.0.2'], PEER, '203.0.113.9', PEER],
    ['is read from a trusted proxy', [PEER], PEER, '203.0.113.9', '203.0.113.9'],
    ['is read from a trusted network', ['10.0.0.0/8'], PEER, '203.0.113.9', '203.0.113.9'],
    ['is read from the right', [PEER], PEER, '1.1.1.1, 203.0.113.9', '203.0.113.9'],
    [
      'is read through several proxies',
      ['10.0.0.0/8'],
      PEER,
      '1.1.1.1, 203.0.113.9, 10.9.9.9',
      '203.0.113.9',
    ],
    ['ends at what is no address', [PEER], PEER, '203.0.113.9, unknown', PEER],
    ['may be absent', [PEER], PEER, null, PEER],
    ['may be empty', [PEER], PEER, '', PEER],
    ['may be of proxies alone', ['10.0.0.0/8'], PEER, '10.2.2.2', '10.2.2.2'],
    ['is read from an IPv4 peer on an IPv6 socket', [PEER], `::ffff:${PEER}`, '203.0.113.9', '203.0.113.9'],
    ['is read over IPv6', ['fd00::/8'], 'fd00::1', '2001:db8::1', '2001:db8::1'],
  ])('%s', (_name, trusted, peer, header, address) => {
    const headers = new Headers(header === null ? {} : { 'x-forwarded-for': header })
    expect(openForwarded(trusted).clientAddress(peer, headers)).toBe(address)
  })

  test.each(['proxy.example.com', '10.0.0.0/33', '::1/129', '10.0.0.0/', '10.0.0.0/8/8x', 'any'])(
    'a trusted proxy cannot be %j',
    (entry) => expect(() => openForwarded([entry])).toThrow('--trusted-proxy'),
  )
})
