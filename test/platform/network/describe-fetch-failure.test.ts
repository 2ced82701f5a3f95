/** The causes of failed requests: deadlines, refused connections and defects, without their original text. */
import { describe, expect, test } from 'bun:test'
import { fetchFailure } from '../../../src/platform/network/describe-fetch-failure.ts'

describe('fetchFailure', () => {
  test.each([
    ['ConnectionRefused', 'the connection was refused'],
    ['ENOTFOUND', 'this host does not exist'],
    ['EAI_AGAIN', 'its name could not be looked up'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'its certificate is signed by an authority that is not known here'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'its certificate is signed by an authority that is not known here'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'its certificate is signed by an authority that is not known here'],
    ['CERT_HAS_EXPIRED', 'its certificate has expired'],
    ['CERT_NOT_YET_VALID', 'its certificate is not valid yet'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'its certificate is for another name'],
    ['CERT_REVOKED', 'its certificate is not trusted'],
    ['EPROTO', 'it answers, but not with TLS'],
    ['ECONNRESET', 'the connection was closed'],
    ['token=secret', 'the connection failed'],
  ])('%s: %s', (code, reason) => {
    expect(fetchFailure(Object.assign(new Error('token=secret'), { code }))).toBe(reason)
  })

  test('a deadline is told from a defect, and neither shows its text', () => {
    expect(fetchFailure(new DOMException('secret', 'TimeoutError'))).toBe('it did not answer in time')
    expect(fetchFailure(undefined)).toBe('the connection failed')
  })

  test('a closed port is a refused connection', async () => {
    const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response() })
    const { url } = server
    await server.stop(true)
    const error: unknown = await fetch(url).catch((e: unknown) => e)
    expect(fetchFailure(error)).toBe('the connection was refused')
  })
})
