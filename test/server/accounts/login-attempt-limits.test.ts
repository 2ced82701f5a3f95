/** The delay after failed logins: per address and account, parallel attempts, its maximum and its memory. */
import { expect, test } from 'bun:test'
import { openAttempts } from '../../../src/server/accounts/login-attempt-limits.ts'

function setUp() {
  const time = { now: 1_700_000_000_000 }
  return { time, attempts: openAttempts({ now: () => time.now, sleep: () => Promise.resolve() }) }
}

test('parallel guesses are counted before any of them is answered', () => {
  const { attempts } = setUp()
  const waits = Array.from({ length: 8 }, () => attempts.start('ada', '192.0.2.1'))
  expect(waits).toEqual([0, 0, 0, 0, 0, 1, 1, 1])
})

test.each([
  ['one IPv4 address', (_i: number) => '192.0.2.1'],
  ['one IPv4 address in IPv6 clothes', (i: number) => (i % 2 ? '::ffff:192.0.2.1' : '192.0.2.1')],
  ['one IPv6 /64', (i: number) => `2001:db8:0:1::${i.toString(16)}`],
])('%s that tries many accounts has to wait after twenty', (_name, address) => {
  const { attempts } = setUp()
  const waits = Array.from({ length: 21 }, (_, i) => attempts.start(`user${i}`, address(i)))
  expect(waits.slice(0, 20).every((wait) => wait === 0)).toBe(true)
  expect(waits[20]).toBe(1)
})

test('IPv6 neighbours in another /64 do not share the wait', () => {
  const { attempts } = setUp()
  for (let i = 0; i < 21; i++) attempts.start(`user${i}`, '2001:db8:0:1::1')
  expect(attempts.start('someone', '2001:db8:0:2::1')).toBe(0)
})

test('knowing one password does not clear the failures of the address', () => {
  const { attempts } = setUp()
  for (let i = 0; i < 19; i++) attempts.start(`user${i}`, '192.0.2.1')
  attempts.start('mine', '192.0.2.1')
  attempts.succeeded('mine', '192.0.2.1')
  attempts.start('another', '192.0.2.1')
  expect(attempts.start('one more', '192.0.2.1')).toBe(1)
})

test('the wait never exceeds five minutes, and a quarter of an hour of rest forgets it', () => {
  const { attempts, time } = setUp()
  const waits: number[] = []
  for (let i = 0; i < 30; i++) {
    const wait = attempts.start('ada', `192.0.2.${i}`)
    if (wait > 0) waits.push(wait)
    time.now += wait * 1000
  }
  expect(waits.slice(0, 11)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300])
  attempts.start('ada', '203.0.113.1')
  time.now += 15 * 60_000
  expect(attempts.start('ada', '203.0.113.1')).toBe(0)
})

test('the memory is bounded: ten thousand accounts, the one longest ago forgotten first', () => {
  const { attempts } = setUp()
  for (let i = 0; i < 6; i++) attempts.start('ada', `192.0.2.${i}`)
  expect(attempts.start('ada', '192.0.2.9')).toBe(1)
  for (let i = 0; i < 10_000; i++) attempts.start(`user${i}`, `10.${i >> 8}.${i & 255}.1`)
  expect(attempts.start('ada', '192.0.2.9')).toBe(0)
})

test.each<[string, [address: string, browser?: string]]>([
  ['address', ['192.0.2.7']],
  ['browser, wherever it is now,', ['203.0.113.5', 'browser-1']],
])('strangers who guess for hours never shut out a known %s', (_name, from) => {
  const { attempts, time } = setUp()
  attempts.start('ada', ...from)
  attempts.succeeded('ada', ...from)
  for (let i = 0; i < 200; i++) {
    time.now += attempts.start('ada', `198.51.100.${i}`) * 1000
    attempts.start('ada', `198.51.100.${i}`)
    expect(attempts.start('ada', ...from)).toBe(0)
    attempts.succeeded('ada', ...from)
  }
  expect(attempts.start('ada', '203.0.113.99')).toBeGreaterThan(0)
})

test('a known browser is slowed for its own guesses, and known to one account alone', () => {
  const { attempts } = setUp()
  const guesses = Array.from({ length: 6 }, () => attempts.start('ada', '192.0.2.1', 'browser-1'))
  expect(guesses).toEqual([0, 0, 0, 0, 0, 1])
  attempts.succeeded('bob', '192.0.2.7')
  for (let i = 0; i < 5; i++) attempts.start('ada', '192.0.2.7')
  expect(attempts.start('ada', '192.0.2.8')).toBe(1)
})
