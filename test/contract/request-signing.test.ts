/** Request signatures against the published test vectors, and the form of a nonce. */
import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isNonce, signatureOf } from '../../src/contract/request-signing.ts'
import { isTokenText } from '../../src/contract/token-format.ts'

interface Vectors {
  token: string
  timestamp: string
  nonce: string
  requests: { method: string; path: string; body: string; bodyHash: string; signature: string }[]
}

const page = readFileSync(join(import.meta.dir, '../../docs/signing.md'), 'utf8')
const vectors = JSON.parse(/```json\n([\s\S]+?)```/.exec(page)?.[1] ?? '') as Vectors
const { token, timestamp, nonce } = vectors

describe('the published test vectors', () => {
  test('are there, and their token and nonce are well-formed', () => {
    expect(vectors.requests.length).toBeGreaterThanOrEqual(5)
    expect(isTokenText('ci', token)).toBe(true)
    expect(isNonce(nonce)).toBe(true)
  })

  test.each(vectors.requests)(
    'S186, S187, R14: $method $path',
    ({ method, path, body, bodyHash, signature }) => {
      const bytes = new TextEncoder().encode(body)
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(bodyHash)
      expect(signatureOf({ timestamp, nonce, method, path, body: bytes }, token)).toBe(signature)
    },
  )

  test('S186: every part changes the signature', () => {
    const parts = { timestamp, nonce, method: 'PUT', path: '/a?b=c', body: new TextEncoder().encode('{}') }
    const changed = [
      signatureOf(parts, token),
      signatureOf({ ...parts, timestamp: '1767225600001' }, token),
      signatureOf({ ...parts, nonce: `${nonce}x` }, token),
      signatureOf({ ...parts, method: 'POST' }, token),
      signatureOf({ ...parts, path: '/a?b=d' }, token),
      signatureOf({ ...parts, path: '/a' }, token),
      signatureOf({ ...parts, body: new TextEncoder().encode('{ }') }, token),
      signatureOf(parts, `${token}x`),
    ]
    expect(new Set(changed).size).toBe(changed.length)
  })
})

describe('a nonce', () => {
  test.each([
    ['b6a1f0de-4c1f-4f7a-9c55-1f0f3c2d7e11', true],
    ['12345678', true],
    ['x'.repeat(128), true],
    ['1234567', false],
    ['x'.repeat(129), false],
    ['12345678:GET', false],
    ['1234 5678', false],
    ['12345678é', false],
    ['', false],
  ])('%p: %p', (text, good) => expect(isNonce(text)).toBe(good))
})
