/** Signed requests of the client: method, path, query and body as sent, and redirects. */
import { afterEach, describe, expect, test } from 'bun:test'
import * as v from 'valibot'
import { signatureOf } from '../../src/contract/request-signing.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { Secret } from '../../src/redact/secret.ts'
import { openApi } from '../../src/session/api-client.ts'

const TOKEN = 'ci_0123456789abcdefghijklmnopqrst3E6Tsh'
const servers: ReturnType<typeof Bun.serve>[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true)
})

interface Seen {
  method: string
  target: string
  headers: Headers
  body: Uint8Array
}

/** A server that notes what it gets; `/away` redirects to `/there?x=1`. */
function serve(answer: (target: string) => Response = () => Response.json({})): {
  url: string
  seen: Seen[]
} {
  const seen: Seen[] = []
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url)
      const body = new Uint8Array(await request.arrayBuffer())
      seen.push({ method: request.method, target: pathname + search, headers: request.headers, body })
      return answer(pathname)
    },
  })
  servers.push(server)
  return { url: server.url.origin, seen }
}

function apiFor(server: string, sign: boolean, authorization: string | null = `Bearer ${TOKEN}`) {
  return openApi({
    server,
    sign,
    tenant: undefined,
    authorization: async () => (authorization === null ? undefined : new Secret(authorization)),
    version: '1.2.3',
    clock: systemClock,
    fetch,
    signal: new AbortController().signal,
    debug: () => {},
    insecureHttp: false,
  })
}

function isSigned({ method, target, headers, body }: Seen): boolean {
  const parts = {
    timestamp: headers.get('x-cli-timestamp') ?? '',
    nonce: headers.get('x-cli-nonce') ?? '',
    method,
    path: target,
    body,
  }
  return headers.get('x-cli-signature') === signatureOf(parts, TOKEN)
}

describe('the client signs', () => {
  test('S183 to S187: method, path with query and body as they arrive', async () => {
    const { url, seen } = serve()
    const api = apiFor(url, true)
    await api.request({
      method: 'GET',
      path: '/api/runs',
      query: { limit: '5', pipeline: 'a b&ü' },
      schema: v.unknown(),
    })
    await api.request({
      method: 'PUT',
      path: '/api/secrets/K',
      body: { value: 'grüße 🔑' },
      schema: v.unknown(),
    })
    await api.request({ method: 'DELETE', path: '/api/secrets/a%2Fb', schema: v.unknown() })
    expect(seen.map(isSigned)).toEqual([true, true, true])
    const now = Date.now()
    for (const { headers } of seen) {
      expect(Math.abs(Number(headers.get('x-cli-timestamp')) - now)).toBeLessThan(10_000)
    }
    expect(new Set(seen.map(({ headers }) => headers.get('x-cli-nonce'))).size).toBe(3)
  })

  test('S185: a redirect is followed with a signature of its own', async () => {
    const { url, seen } = serve((path) =>
      path === '/away' ? Response.redirect('/there?x=1', 307) : Response.json({}),
    )
    await apiFor(url, true).request({ method: 'GET', path: '/away', schema: v.unknown() })
    expect(seen.map(({ target }) => target)).toEqual(['/away', '/there?x=1'])
    expect(seen.map(isSigned)).toEqual([true, true])
  })

  test.each([
    ['S182: not unless told to', false, `Bearer ${TOKEN}`],
    ['not with a JWT', true, 'Bearer a.b.c'],
    ['not with Basic', true, 'Basic Y2lfeDp5'],
    ['not without a credential', true, null],
  ])('%s', async (_name, sign, authorization) => {
    const { url, seen } = serve()
    const api = apiFor(url, sign, authorization)
    await api.request({ method: 'GET', path: '/api/runs', schema: v.unknown() })
    expect([...(seen[0]?.headers.keys() ?? [])].filter((name) => name.startsWith('x-cli-'))).toEqual([])
  })

  test.each([
    ['signature_required', 'FOB_SIGN=1'],
    ['signature_expired', 'clock'],
    ['signature_invalid', 'proxy'],
    ['nonce_reused', 'twice'],
  ])('a refusal %s says what to do', async (error, word) => {
    const { url } = serve(() => Response.json({ error, message: 'no' }, { status: 401 }))
    const work = apiFor(url, true).request({ method: 'GET', path: '/x', schema: v.unknown() })
    await expect(work).rejects.toMatchObject({
      code: 'signature_refused',
      hint: expect.stringContaining(word),
    })
  })
})
