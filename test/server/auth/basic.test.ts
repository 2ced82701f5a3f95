/** Basic authentication: guesses are slowed per address and overall, without shutting out known addresses. */
import { expect, test } from 'bun:test'
import { Secret } from '../../../src/redact/secret.ts'
import { openAttempts } from '../../../src/server/accounts/login-attempt-limits.ts'
import { basicAuthenticator } from '../../../src/server/auth/auth.ts'

const REQUEST = { method: 'GET', target: '/', headers: new Headers(), body: async () => new Uint8Array() }

function setUp() {
  const time = { now: 1_700_000_000_000 }
  const attempts = openAttempts({ now: () => time.now, sleep: () => Promise.resolve() })
  const user = { username: 'admin', password: new Secret('right') }
  const authenticator = basicAuthenticator({ id: 'ten', slug: 'default' }, user, attempts)
  /** `in`, `no`, or the seconds to wait. */
  const call = async (password: string, address: string) => {
    const outcome = await authenticator.authenticate(
      { kind: 'basic', username: 'admin', password },
      { ...REQUEST, address },
    )
    if (outcome.kind === 'wrong_password') return outcome.account === 'basic:admin' ? 'no' : 'whose?'
    if (outcome.kind === 'slowed') return outcome.seconds
    return outcome.kind === 'admitted' ? 'in' : 'nothing'
  }
  return { time, call }
}

test('guesses at the one password are slowed after five', async () => {
  const { call } = setUp()
  for (let i = 0; i < 5; i++) expect(await call(`guess${i}`, '192.0.2.1')).toBe('no')
  expect(await call('guess', '192.0.2.1')).toBe(1)
  // While it lasts, nobody is told whether it would have been the right one.
  expect(await call('right', '192.0.2.1')).toBe(1)
})

test('whoever waits as told gets in, and then is not slowed any more', async () => {
  const { time, call } = setUp()
  for (let i = 0; i < 5; i++) await call(`guess${i}`, '192.0.2.1')
  time.now += 1000
  for (let i = 0; i < 100; i++) expect(await call('right', '192.0.2.1')).toBe('in')
})

test('right credentials cost nothing, however many come at once', async () => {
  const { call } = setUp()
  const answers = await Promise.all(Array.from({ length: 200 }, () => call('right', '192.0.2.1')))
  expect(new Set(answers)).toEqual(new Set(['in']))
})

test('guesses from many addresses are slowed together', async () => {
  const { call } = setUp()
  for (let i = 0; i < 5; i++) await call('guess', `192.0.2.${i}`)
  expect(await call('guess', '198.51.100.1')).toBe(1)
})

test('strangers who guess do not shut out an address that was let in before', async () => {
  const { call } = setUp()
  expect(await call('right', '192.0.2.1')).toBe('in')
  for (let i = 0; i < 50; i++) await call('guess', `198.51.100.${i}`)
  expect(await call('right', '192.0.2.1')).toBe('in')
  expect(await call('right', '203.0.113.1')).toBe(1)
})

test('an address that was let in before is slowed for its own guesses', async () => {
  const { call } = setUp()
  await call('right', '192.0.2.1')
  for (let i = 0; i < 5; i++) expect(await call('guess', '192.0.2.1')).toBe('no')
  expect(await call('guess', '192.0.2.1')).toBe(1)
})
