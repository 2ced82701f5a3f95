/** `fetch` of scripts: responses, private networks, DNS rebinding, TLS, redirects, secrets and refusals. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { gzipSync } from 'node:zlib'
import { createRedactor } from '../../../../src/redact/redactor.ts'
import { Secret } from '../../../../src/redact/secret.ts'
import { createFetchCalls } from '../../../../src/server/runs/script-fetch/script-fetch.ts'
import { createGuardedFetch } from '../../../../src/guarded-fetch/request-checked-address.ts'
import { openNetwork } from '../../../../src/guarded-fetch/allowed-networks.ts'
import pem from '../../../support/tls/pinned.example.pem' with { type: 'text' }
import { failure, NEVER } from '../run-harness.ts'

const TOKEN = 'canary-of-fetch-4711'
const MIB = 1024 * 1024

interface Seen {
  method: string
  path: string
  headers: Headers
  body: string
}

let plain: Bun.Server<undefined>
let other: Bun.Server<undefined>
let secure: Bun.Server<undefined>
let seen: Seen[] = []

async function answer(request: Request): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url)
  seen.push({ method: request.method, path: pathname, headers: request.headers, body: await request.text() })
  const to = searchParams.get('to')
  if (to !== null)
    return new Response(null, {
      status: Number(searchParams.get('status') ?? 302),
      headers: { location: to },
    })
  switch (pathname) {
    case '/echo':
      return new Response(`auth=${request.headers.get('authorization')}`, {
        headers: { 'x-echo': request.headers.get('authorization') ?? '', 'content-type': 'text/plain' },
      })
    case '/large':
      return new Response('x'.repeat(2 * MIB))
    case '/bomb':
      return new Response(gzipSync(Buffer.alloc(64 * MIB)), { headers: { 'content-encoding': 'gzip' } })
    case '/gzip':
      return new Response(gzipSync(`zipped ${TOKEN}`), { headers: { 'content-encoding': 'gzip' } })
    case '/loop':
      return new Response(null, { status: 302, headers: { location: '/loop' } })
    case '/bytes':
      return new Response(Uint8Array.from([0, 255, 128, 10]))
    case '/missing':
      return new Response('not here', { status: 404 })
    case '/slow':
      return await new Promise<Response>(() => {})
    default:
      return new Response('hello')
  }
}

beforeAll(() => {
  plain = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: answer })
  other = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: answer })
  secure = Bun.serve({ port: 0, hostname: '127.0.0.1', tls: { key: pem, cert: pem }, fetch: answer })
})
afterAll(async () => {
  for (const server of [plain, other, secure]) await server.stop(true)
})

interface World {
  allowed?: string[]
  /** What names stand for, one answer after the other; the last one stays. */
  names?: Record<string, string[][]>
}

/** The calls of one run. */
function world({ allowed = ['127.0.0.1'], names = {} }: World = {}) {
  seen = []
  const redactor = createRedactor()
  const network = openNetwork(allowed)
  const asked: string[] = []
  const guardedFetch = createGuardedFetch({
    network,
    maxResponseBytes: MIB,
    ca: pem,
    resolve: async (host) => {
      asked.push(host)
      const answers = names[host] ?? []
      return (answers.length > 1 ? answers.shift() : answers[0]) ?? []
    },
  })
  const resolve = async (value: unknown) => {
    if (value !== 'secret:TOKEN') return value
    const secret = new Secret(TOKEN)
    redactor.add('TOKEN', secret)
    return secret
  }
  const calls = createFetchCalls({ guardedFetch, network, redactor, resolve })
  const get = async (url: string, more: Record<string, unknown> = {}, signal = NEVER) => {
    const given = (await calls.fetch?.({ url, ...more }, { number: 1, signal })) as Record<string, unknown>
    return { ...given, text: Buffer.from(String(given.body), 'base64').toString('latin1') } as {
      status: number
      headers: Record<string, string>
      url: string
      text: string
    }
  }
  const problem = async (...args: Parameters<typeof get>) => {
    const error = await failure(get(...args))
    return error instanceof Error ? error.message : 'it worked'
  }
  return { get, problem, asked }
}
const at = (server: Bun.Server<undefined>, path = '/', host = '127.0.0.1') =>
  `${server === secure ? 'https' : 'http'}://${host}:${server.port}${path}`

describe('what is answered', () => {
  test('reaches the script, whatever the status', async () => {
    const { get } = world()
    expect(await get(at(plain))).toMatchObject({ status: 200, text: 'hello', url: at(plain) })
    expect(await get(at(plain, '/missing#part'))).toMatchObject({
      status: 404,
      text: 'not here',
      url: at(plain, '/missing'),
    })
    expect((await get(at(plain, '/bytes'))).text).toBe('\u0000\u00ff\u0080\n')
  })

  test('to a method with a body and headers', async () => {
    const { get } = world()
    await get(at(plain), {
      method: 'post',
      headers: { 'X-One': 'two', 'content-type': 'application/json' },
      body: '{"a":"\u00e9"}',
    })
    expect(seen).toMatchObject([{ method: 'POST', body: '{"a":"\u00e9"}' }])
    expect(seen[0]?.headers.get('x-one')).toBe('two')
  })

  test('is decompressed, and bounded as what comes out', async () => {
    const { get, problem } = world()
    expect((await get(at(plain, '/gzip'))).text).toBe(`zipped ${TOKEN}`)
    expect(await problem(at(plain, '/large'))).toContain('the answer is larger than 1 MiB')
    expect(await problem(at(plain, '/bomb'))).toContain('the answer is larger than 1 MiB')
  })

  test('in time, or not at all', async () => {
    const { problem } = world()
    expect(await problem(at(plain, '/slow'), { timeout: 50 })).toContain('it did not answer in time')
    expect(await problem(at(plain, '/slow'), {}, AbortSignal.timeout(50))).not.toBe('it worked')
  })

  test('by nobody: says so, with the host', async () => {
    const { problem } = world({ names: { 'nobody.example': [] } })
    expect(await problem('http://127.0.0.1:1/')).toBe(
      'fetch: cannot reach 127.0.0.1:1: the connection was refused',
    )
    expect(await problem('http://nobody.example/')).toContain('there is no host nobody.example')
  })
})

describe('places that are not on the internet', () => {
  const inside = { allowed: [] }
  test.each([
    'http://127.0.0.1/',
    'http://localhost/',
    'http://127.1/',
    'http://0x7f.0.0.1/',
    'http://2130706433/',
    'http://0/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://10.0.0.1/',
    'http://169.254.169.254/latest/meta-data/',
    'https://192.168.0.1:8443/',
    'http://[fd00:ec2::254]/',
    'http://inside.example/',
    'http://both.example/',
  ])('%s is refused', async (url) => {
    const names = {
      localhost: [['127.0.0.1', '::1']],
      'inside.example': [['10.0.0.5']],
      'both.example': [['1.1.1.1', '10.0.0.5']],
    }
    const message = await world({ ...inside, names }).problem(url)
    expect(message).toContain('is not a place on the internet')
    expect(message).toContain('--allow-network')
    // What a name of the inside stands for is not said.
    if (url.includes('example')) expect(message).not.toContain('10.0.0.5')
  })

  test('by a name that leads elsewhere the second time: there is no second time', async () => {
    const names = { 'rebind.example': [['127.0.0.1'], ['10.0.0.1']] }
    const { get, asked } = world({ allowed: ['127.0.0.1'], names })
    expect((await get(at(plain, '/', 'rebind.example'))).text).toBe('hello')
    expect(asked).toEqual(['rebind.example'])
  })

  test('by a redirect: each hop is looked at', async () => {
    const { problem } = world()
    const to = encodeURIComponent('http://169.254.169.254/')
    expect(await problem(at(plain, `/?to=${to}`))).toContain('169.254.169.254 is not a place on the internet')
    const file = encodeURIComponent('file:///etc/passwd')
    expect(await problem(at(plain, `/?to=${file}`))).toContain('file: cannot be asked')
  })

  test('are reached where the operator allows them, by name or by network', async () => {
    const names = { 'registry.corp': [['127.0.0.1']] }
    const byName = world({ allowed: ['registry.corp'], names })
    expect((await byName.get(at(plain, '/', 'registry.corp'))).text).toBe('hello')
    expect(await byName.problem(at(plain))).toContain('is not a place on the internet')
    expect((await world({ allowed: ['127.0.0.0/8'] }).get(at(plain))).text).toBe('hello')
  })
})

describe('TLS', () => {
  const names = { 'pinned.example': [['127.0.0.1']], 'other.example': [['127.0.0.1']] }

  test('is checked against the name, at the address that was looked up', async () => {
    const { get } = world({ names })
    expect((await get(at(secure, '/', 'pinned.example'))).text).toBe('hello')
    expect(seen[0]?.headers.get('host')).toBe(`pinned.example:${secure.port}`)
  })

  test('with a certificate for another name is refused', async () => {
    expect(await world({ names }).problem(at(secure, '/', 'other.example'))).toContain(
      'its certificate is for another name',
    )
  })
})

const to = (server: Bun.Server<undefined>, path: string, status = 302) =>
  `/?status=${status}&to=${encodeURIComponent(at(server, path))}`

describe('redirects', () => {
  test.each([
    [301, 'POST', 'GET', ''],
    [302, 'POST', 'GET', ''],
    [303, 'PUT', 'GET', ''],
    [307, 'POST', 'POST', 'body'],
    [308, 'PUT', 'PUT', 'body'],
  ])('%d of a %s becomes a %s', async (status, method, then, body) => {
    const { get } = world()
    const answer = await get(at(plain, to(plain, '/echo', status)), { method, body: 'body' })
    expect(answer.url).toBe(at(plain, '/echo'))
    expect(seen.at(-1)).toMatchObject({ method: then, body })
  })

  test('take no secret, authorization or cookie along to another place', async () => {
    const { get } = world()
    const headers = {
      authorization: 'Bearer secret:TOKEN',
      'x-key': 'secret:TOKEN',
      cookie: 'a=b',
      'x-plain': 'stays',
    }
    await get(at(plain, to(other, '/echo')), { headers })
    expect(seen[0]?.headers.get('authorization')).toBe(`Bearer ${TOKEN}`)
    const there = seen.at(-1)?.headers
    expect([there?.get('authorization'), there?.get('x-key'), there?.get('cookie')]).toEqual([
      null,
      null,
      null,
    ])
    expect(there?.get('x-plain')).toBe('stays')
    await get(at(plain, to(plain, '/echo')), { headers })
    expect(seen.at(-1)?.headers.get('authorization')).toBe(`Bearer ${TOKEN}`)
  })

  test('in a circle end', async () => {
    expect(await world().problem(at(plain, '/loop'))).toContain('redirects more than 5 times')
    expect(seen).toHaveLength(6)
  })
})

describe('secrets', () => {
  test('are put into headers, and hidden in all of the answer', async () => {
    const answer = await world().get(at(plain, '/echo'), {
      headers: { authorization: 'Bearer secret:TOKEN' },
    })
    expect(seen[0]?.headers.get('authorization')).toBe(`Bearer ${TOKEN}`)
    expect(answer.text).toBe('auth=Bearer ***REDACTED***')
    expect(answer.headers['x-echo']).toBe('Bearer ***REDACTED***')
    expect(JSON.stringify(answer)).not.toContain('canary')
  })

  test('are hidden in what comes compressed', async () => {
    const answer = await world().get(at(plain, '/gzip'), { headers: { 'x-key': 'secret:TOKEN' } })
    expect(answer.text).toBe('zipped ***REDACTED***')
  })

  test('do not travel in the clear, but to where the operator allowed', async () => {
    const names = { 'public.example': [['1.1.1.1']] }
    const { problem } = world({ names })
    const headers = { authorization: 'secret:TOKEN' }
    expect(await problem('http://public.example/', { headers })).toContain(
      'would be sent a secret over plain http',
    )
    expect(seen).toEqual([])
  })

  test('are not looked for in the url or the body', async () => {
    const { problem, get } = world()
    expect(await problem('secret:TOKEN')).toContain('secret: cannot be asked')
    await get(at(plain), { method: 'POST', body: 'secret:TOKEN' })
    expect(seen[0]?.body).toBe('secret:TOKEN')
  })
})

describe('what is refused', () => {
  test.each([
    ['file:///etc/passwd', {}, 'file: cannot be asked'],
    ['ftp://example.com/', {}, 'ftp: cannot be asked'],
    ['data:text/plain,x', {}, 'data: cannot be asked'],
    ['no url', {}, 'the url is none'],
    ['http://user:canary@example.com/', {}, 'the url holds a password'],
    ['http://example.com/', { method: 'TRACE' }, 'method'],
    ['http://example.com/', { method: 'CONNECT' }, 'method'],
    ['http://example.com/', { method: 'GET /x HTTP/1.1\r\nA:' }, 'method'],
    ['http://example.com/', { body: 'x' }, 'GET has no body'],
    ['http://example.com/', { headers: { Host: 'other' } }, 'is not a header that a script sets'],
    [
      'http://example.com/',
      { headers: { 'Proxy-Authorization': 'x' } },
      'is not a header that a script sets',
    ],
    [
      'http://example.com/',
      { headers: { 'Transfer-Encoding': 'chunked' } },
      'is not a header that a script sets',
    ],
    ['http://example.com/', { headers: { 'a b': 'x' } }, 'is not a name for a header'],
    ['http://example.com/', { headers: { 'x-a': 'b\r\nx-c: d' } }, 'has a character that no header can have'],
    ['http://example.com/', { timeout: 400_000 }, 'is over 5 minutes'],
    ['http://example.com/', { proxy: 'http://127.0.0.1' }, 'proxy'],
    ['http://example.com/', { method: 'POST', body: 'x'.repeat(MIB + 1) }, 'larger than 1 MiB'],
  ])('%s %o', async (url, more, message) => {
    const said = await world({ names: { 'example.com': [['1.1.1.1']] } }).problem(url, more)
    expect(said).toContain(message)
    expect(said).not.toContain('canary')
  })
})

test('the proxy of the environment is not asked', async () => {
  const before = process.env.HTTP_PROXY
  process.env.HTTP_PROXY = at(other)
  try {
    expect(
      (
        await world({ allowed: ['127.0.0.1', 'a.example'], names: { 'a.example': [['127.0.0.1']] } }).get(
          at(plain, '/', 'a.example'),
        )
      ).text,
    ).toBe('hello')
    expect(seen[0]?.headers.get('host')).toBe(`a.example:${plain.port}`)
  } finally {
    if (before === undefined) delete process.env.HTTP_PROXY
    else process.env.HTTP_PROXY = before
  }
})
