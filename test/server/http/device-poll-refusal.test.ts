/** A device that polls more often than the rate limit lets it: what it is told. */
import { describe, expect, test } from 'bun:test'
import { DEVICE_GRANT } from '../../../src/contract/cli-oauth-client.ts'
import { asDeviceIsTold } from '../../../src/server/http/response/device-poll-refusal.ts'
import { HttpError } from '../../../src/server/http/response/http-error.ts'

const limited = new HttpError(429, 'rate_limited', 'too many requests, try again in 3 s', {
  details: { retryAfter: 3 },
  headers: { 'retry-after': '3' },
})
const unreadable = () => Promise.reject(new HttpError(413, 'too_large', 'x'))
const poll = { method: 'POST', path: '/oauth/token', grant: DEVICE_GRANT, refusal: limited }

describe('RFC 8628 §3.5: a rate limit', () => {
  test.each([
    ['a poll of a device is told to slow down', poll, 'slow_down'],
    ['another grant is not', { ...poll, grant: 'refresh_token' }, 'rate_limited'],
    ['another path is not', { ...poll, path: '/oauth/revoke' }, 'rate_limited'],
    [
      'another refusal stays as it is',
      { ...poll, refusal: new HttpError(413, 'too_large', 'x') },
      'too_large',
    ],
  ])('%s', async (_title, { refusal, grant, ...request }, error) => {
    const body = async () => Buffer.from(new URLSearchParams({ grant_type: grant }).toString())
    const told = (await asDeviceIsTold(refusal, { ...request, body })).toResponse()
    expect(told.status).toBe(refusal.status)
    expect(told.headers.get('retry-after')).toBe(refusal.headers['retry-after'] ?? null)
    expect(await told.json()).toMatchObject({ error, ...refusal.details })
  })

  test('a body that cannot be read changes nothing', async () => {
    expect(await asDeviceIsTold(limited, { ...poll, body: unreadable })).toBe(limited)
  })
})
