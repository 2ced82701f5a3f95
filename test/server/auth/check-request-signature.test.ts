/** The server's check of signed requests: the signature, the time window, used nonces and required signing. */
import { describe, expect, test } from 'bun:test'
import { SIGNATURE_WINDOW_MS, signatureOf } from '../../../src/contract/request-signing.ts'
import { checkSignature } from '../../../src/server/auth/check-request-signature.ts'

const NOW = 1_767_225_600_000
const TOKEN = { text: 'ci_the-token', id: 'tok_1', signatureRequired: false }
const NONCE = 'b6a1f0de-4c1f'
const BODY = new TextEncoder().encode('{"value":"x"}')

interface Sent {
  timestamp?: number | string
  nonce?: string
  method?: string
  path?: string
  body?: Uint8Array
  key?: string
}

/** What a client sends that signs `sent`; `request` then says what arrives. */
function headersFor(sent: Sent = {}): Headers {
  const parts = {
    timestamp: String(sent.timestamp ?? NOW),
    nonce: sent.nonce ?? NONCE,
    method: sent.method ?? 'PUT',
    path: sent.path ?? '/api/secrets/K?pipeline=p',
    body: sent.body ?? BODY,
  }
  return new Headers({
    'x-cli-timestamp': parts.timestamp,
    'x-cli-nonce': parts.nonce,
    'x-cli-signature': signatureOf(parts, sent.key ?? TOKEN.text),
  })
}

async function verdict(
  headers: Headers,
  changes: { required?: boolean; used?: boolean; slowMs?: number } = {},
): Promise<{ refused: string | undefined; read: number; taken: unknown[] }> {
  let read = 0
  const taken: unknown[] = []
  const refusal = await checkSignature({
    token: { ...TOKEN, signatureRequired: changes.required ?? false },
    now: () => NOW + (read === 0 ? 0 : (changes.slowMs ?? 0)),
    request: {
      method: 'PUT',
      target: '/api/secrets/K?pipeline=p',
      headers,
      body: async () => {
        read += 1
        return BODY
      },
    },
    nonces: {
      take: (...args) => {
        taken.push(args)
        return changes.used !== true
      },
    },
  })
  return { refused: refusal?.code, read, taken }
}

function without(name: string): Headers {
  const headers = headersFor()
  headers.delete(name)
  return headers
}

describe('a signature', () => {
  test('S182: none is needed, and none is no reason to read the body', async () => {
    expect(await verdict(new Headers())).toEqual({ refused: undefined, read: 0, taken: [] })
  })

  test('S183: without it a request is an unsigned one, whatever else it has', async () => {
    const unsigned = without('x-cli-signature')
    expect(await verdict(unsigned)).toEqual({ refused: undefined, read: 0, taken: [] })
    const required = await verdict(unsigned, { required: true })
    expect(required).toEqual({ refused: 'signature_required', read: 0, taken: [] })
  })

  test('S183 to S186: the right one passes and takes its nonce', async () => {
    expect(await verdict(headersFor())).toEqual({
      refused: undefined,
      read: 1,
      taken: [['tok_1', NONCE, NOW + SIGNATURE_WINDOW_MS]],
    })
  })

  test.each<[string, Headers, string]>([
    ['S186: another method', headersFor({ method: 'POST' }), 'signature_invalid'],
    ['S186: another path', headersFor({ path: '/api/secrets/L?pipeline=p' }), 'signature_invalid'],
    ['R14: another query', headersFor({ path: '/api/secrets/K?pipeline=q' }), 'signature_invalid'],
    ['R14: no query', headersFor({ path: '/api/secrets/K' }), 'signature_invalid'],
    ['S187: another body', headersFor({ body: new Uint8Array() }), 'signature_invalid'],
    ['another key', headersFor({ key: 'ci_another' }), 'signature_invalid'],
    ['S184: no timestamp', without('x-cli-timestamp'), 'signature_invalid'],
    ['S185: no nonce', without('x-cli-nonce'), 'signature_invalid'],
    ['S185: a nonce with a colon', headersFor({ nonce: '12345678:PUT' }), 'signature_invalid'],
    ['S184: a timestamp that is no number', headersFor({ timestamp: '1e12' }), 'signature_invalid'],
    ['S184: a timestamp in seconds', headersFor({ timestamp: NOW / 1000 }), 'signature_expired'],
  ])('%s is refused, and its nonce is not used up', async (_name, headers, refused) => {
    expect(await verdict(headers)).toMatchObject({ refused, taken: [] })
  })

  test('S183: upper-case hex is another text', async () => {
    const headers = headersFor()
    headers.set('x-cli-signature', headers.get('x-cli-signature')?.toUpperCase() ?? '')
    expect((await verdict(headers)).refused).toBe('signature_invalid')
  })

  test.each([
    ['five minutes ago', -SIGNATURE_WINDOW_MS, undefined],
    ['five minutes ahead', SIGNATURE_WINDOW_MS, undefined],
    ['a millisecond more than five minutes ago', -SIGNATURE_WINDOW_MS - 1, 'signature_expired'],
    ['a millisecond more than five minutes ahead', SIGNATURE_WINDOW_MS + 1, 'signature_expired'],
  ])('S188: %s', async (_name, offset, refused) => {
    const answer = await verdict(headersFor({ timestamp: NOW + offset }))
    expect(answer.refused).toBe(refused)
    // What is too old costs nothing.
    if (refused !== undefined) expect(answer.read).toBe(0)
  })

  test('S189: a body that takes longer than the window is refused: the nonce may be forgotten by then', async () => {
    const answer = await verdict(headersFor(), { slowMs: SIGNATURE_WINDOW_MS + 1 })
    expect(answer).toEqual({ refused: 'signature_expired', read: 1, taken: [] })
  })

  test('S189: a nonce that was used is refused', async () => {
    expect((await verdict(headersFor(), { used: true })).refused).toBe('nonce_reused')
  })

  test('S182: a token for signed requests only is refused without one', async () => {
    expect((await verdict(new Headers(), { required: true })).refused).toBe('signature_required')
    expect((await verdict(headersFor(), { required: true })).refused).toBeUndefined()
  })
})
