/** API calls of the client: credential, renewal, refusals with hints, redacted secrets and event streams. */
import { afterEach, describe, expect, test } from 'bun:test'
import { type AddressInfo, createServer } from 'node:net'
import * as v from 'valibot'
import { Fault } from '../../src/contract/fault.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { Secret } from '../../src/redact/secret.ts'
import { type Api, type ApiOptions, openApi } from '../../src/session/api-client.ts'
import { endlessJson } from '../support/hostile/endless-response.ts'
import { manualClock } from '../support/manual-clock.ts'

const servers: Bun.Server<undefined>[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true)
})

function serve(handler: (request: Request) => Response | Promise<Response>): string {
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: handler })
  servers.push(server)
  return server.url.origin
}

function apiFor(server: string, changes: Partial<ApiOptions> = {}): Api {
  return openApi({
    sign: false,
    server,
    tenant: undefined,
    authorization: async () => new Secret('Bearer canary-token'),
    version: '1.2.3',
    clock: systemClock,
    fetch,
    signal: new AbortController().signal,
    debug: () => {},
    insecureHttp: false,
    ...changes,
  })
}

async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const error: unknown = await work.then(
    () => undefined,
    (e: unknown) => e,
  )
  if (error instanceof Fault) return error
  throw new Error(`not a fault: ${String(error)}`)
}

const anything = v.unknown()
const get = (api: Api, path = '/api/x') => api.request({ method: 'GET', path, schema: anything })

describe('a call', () => {
  test('S225: carries the credential, the tenant, our name and the body', async () => {
    const server = serve(async (request) =>
      Response.json({
        url: new URL(request.url).search,
        headers: Object.fromEntries(request.headers),
        body: await request.json(),
      }),
    )
    const answer = await apiFor(server, { tenant: 'acme' }).request({
      method: 'PUT',
      path: '/api/x',
      query: { a: 'b c', none: undefined },
      body: { k: 1 },
      schema: v.any(),
    })
    expect(answer).toMatchObject({
      url: '?a=b+c',
      headers: { authorization: 'Bearer canary-token', 'x-tenant': 'acme', 'user-agent': 'fob/1.2.3' },
      body: { k: 1 },
    })
  })

  test.each([
    ['an invalid token', 'Bearer error="invalid_token"', 2, 'ok'],
    ['a missing scope', 'Bearer error="insufficient_scope"', 1, 'unauthenticated'],
    ['no reason, as Laravel Passport gives none', undefined, 2, 'ok'],
    ['no reason beside a challenge', 'Bearer realm="api"', 2, 'ok'],
  ])(
    'R11: 401 for %s: renewed and sent again only where that can help',
    async (_, challenge, calls, outcome) => {
      const seen: string[] = []
      const server = serve(async (request) => {
        const authorization = request.headers.get('authorization') ?? ''
        seen.push(`${request.method} ${authorization} ${await request.text()}`)
        if (authorization === 'Bearer new') return Response.json('ok')
        return new Response('', {
          status: 401,
          headers: challenge === undefined ? {} : { 'www-authenticate': challenge },
        })
      })
      const api = apiFor(server, { renewed: async () => new Secret('Bearer new') })
      const call = api.request({ method: 'PUT', path: '/api/x', body: { k: 1 }, schema: v.string() })
      expect(await call.catch((error: unknown) => (error instanceof Fault ? error.code : error))).toBe(
        outcome,
      )
      expect(seen).toEqual(['PUT Bearer canary-token {"k":1}', 'PUT Bearer new {"k":1}'].slice(0, calls))
    },
  )

  test('a renewed token that is refused as well is not tried a third time', async () => {
    let calls = 0
    const server = serve(() => {
      calls++
      return new Response('', {
        status: 401,
        headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
      })
    })
    const fault = await faultOf(get(apiFor(server, { renewed: async () => new Secret('Bearer new') })))
    expect([fault.code, calls]).toEqual(['unauthenticated', 2])
  })

  test('401 without a reason is answered with one refresh, and not with another at the next call', async () => {
    let calls = 0
    let refreshes = 0
    const server = serve(() => {
      calls++
      return Response.json({ message: 'Unauthenticated.' }, { status: 401 })
    })
    const api = apiFor(server, {
      renewed: async () => {
        refreshes++
        return new Secret('Bearer new')
      },
    })
    expect((await faultOf(get(api))).code).toBe('unauthenticated')
    expect((await faultOf(get(api))).code).toBe('unauthenticated')
    expect([calls, refreshes]).toEqual([3, 1])
  })

  test('a server that grants no scope: the hint names --scope (Authlib)', async () => {
    const refusal = {
      error: 'insufficient_scope',
      error_description: 'The request requires higher privileges',
    }
    const fault = await faultOf(get(apiFor(serve(() => Response.json(refusal, { status: 403 })))))
    expect(fault.code).toBe('forbidden')
    expect(fault.message).not.toBe('insufficient_scope')
    expect(fault.hint).toContain('--scope')
  })

  test('R3, S48: 401 is the text of the documents, word for word', async () => {
    const server = serve(() => Response.json({ error: 'unauthorized' }, { status: 401 }))
    const fault = await faultOf(get(apiFor(server)))
    expect([fault.code, fault.hint]).toEqual([
      'unauthenticated',
      'no credential was sent; fob auth status shows what is stored',
    ])
    expect(fault.message).toBe(
      `authentication required: server ${server} returned 401 Unauthorized\n\nPlease log in first:\n  fob auth login -s ${server}\n\nOr provide a token directly:\n  export FOB_TOKEN=<token>`,
    )
  })

  const refusals: [number, unknown, string, string][] = [
    [
      403,
      { error: 'forbidden', message: 'not you', requiredScopes: ['runs:trigger'] },
      'forbidden',
      'not you',
    ],
    [404, { error: 'not_found', message: 'no such run' }, 'not_found', 'no such run'],
    [404, '<html>', 'not_found', 'responded with 404'],
    [409, { error: 'conflict', message: 'taken' }, 'conflict', 'taken'],
    [429, { error: 'slow_down', message: 'slow down', retryAfter: 7 }, 'failed', 'slow down'],
    [400, { error: 'invalid', message: 'bad \u001b[2Jfield' }, 'usage', 'bad \ufffd[2Jfield'],
    [500, { error: 'internal', message: 'broken' }, 'server_error', 'responded with 500: broken'],
    [502, 'Bad Gateway', 'server_error', 'responded with 502'],
  ]
  test.each(refusals)('%d with %j is %s', async (status, body, code, message) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const fault = await faultOf(get(apiFor(serve(() => new Response(text, { status })))))
    expect(fault.code).toBe(code as Fault['code'])
    expect(fault.message).toContain(message)
  })

  test('a hint of the server is shown, at most four lines of it and made safe', async () => {
    const body = { error: 'invalid', message: 'syntax', hint: '  a = = 1\n      ^\u001b[2J\n3\n4\n5' }
    const fault = await faultOf(get(apiFor(serve(() => Response.json(body, { status: 400 })))))
    expect(fault.hint).toBe('  a = = 1\n      ^\ufffd[2J\n3\n4')
  })

  test.each([
    [
      403,
      { error: 'needs_oauth', message: 'no', hint: 'start it with\u001b[2J OAuth' },
      'start it with\ufffd[2J OAuth',
    ],
    [403, { error: 'needs_oauth', message: 'no' }, undefined],
    [
      403,
      { error: 'x', message: 'no', requiredScopes: ['runs:read'], hint: 'theirs' },
      expect.stringContaining('--scope runs:read'),
    ],
    [404, { error: 'x', message: 'no', hint: 'look there' }, 'look there'],
    [409, { error: 'x', message: 'no', hint: 'pause it' }, 'pause it'],
    [410, { error: 'x', message: 'no', hint: 'it is gone' }, 'it is gone'],
    [429, { error: 'busy', message: 'no', hint: 'stop some', retryAfter: 10 }, 'stop some'],
    [429, { error: 'busy', message: 'no', retryAfter: 10 }, 'try again in 10 s'],
    [500, { error: 'x', message: 'no', hint: 'see its log' }, 'see its log'],
  ])('the next step after %d with %j is %j', async (status, body, hint) => {
    const fault = await faultOf(get(apiFor(serve(() => Response.json(body, { status })))))
    expect(fault.hint).toEqual(hint as string)
  })

  test.each([
    ['Bearer ci_0123456789abcdef', 'ci_0123456789abcdef'],
    ['Basic dTpodW50ZXIy', 'dTpodW50ZXIy'],
    ['Basic dTpodW50ZXIy', 'hunter2'],
    ['Basic dTpodW50ZXIy', '"u:hunter2"'],
    ['Basic dTpw', 'dTpw'],
  ])('what was sent as %s is not shown when a server repeats %s', async (header, repeated) => {
    const said = `${'x'.repeat(290)} ${repeated} and ${encodeURIComponent(header)}`
    for (const status of [400, 403, 404, 409, 410, 422, 429, 500, 502]) {
      const body = { error: said, message: repeated, hint: `${header}\n${said}`, requiredScopes: [repeated] }
      const server = serve(() => Response.json(body, { status, headers: { 'content-type': said } }))
      const lines: string[] = []
      const api = apiFor(server, {
        authorization: async () => new Secret(header),
        debug: (line) => void lines.push(line),
      })
      const fault = await faultOf(get(api))
      const shown = [fault.message, fault.hint, ...lines].join('\n')
      expect(shown).toContain('***')
      for (const part of [repeated, header.slice(6), repeated.slice(0, 8)]) expect(shown).not.toContain(part)
    }
  })

  test('neither is a token that was renewed meanwhile, the one before it, or a secret of the body', async () => {
    const body = { error: 'x', message: 'Bearer canary-token, Bearer canary-new, canary-value' }
    const server = serve((request) => {
      const first = request.headers.get('authorization') === 'Bearer canary-token'
      if (!first) return Response.json(body, { status: 400 })
      return Response.json(body, {
        status: 401,
        headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
      })
    })
    const api = apiFor(server, { renewed: async () => new Secret('Bearer canary-new') })
    const value = new Secret('canary-value')
    const call = api.request({
      method: 'PUT',
      path: '/api/x',
      body: { value: value.reveal() },
      secrets: [value],
      schema: anything,
    })
    expect((await faultOf(call)).message).toBe('Bearer ***REDACTED***, Bearer ***REDACTED***, ***REDACTED***')
  })

  test('a long secret is not looked for, and a text that could hold it is not shown', async () => {
    const value = new Secret('canary é\n'.repeat(25_000))
    const refusal = async (message: string) => {
      const server = serve(() => Response.json({ error: 'x', message }, { status: 400 }))
      const call = { method: 'PUT', path: '/api/x', body: {}, secrets: [value], schema: anything }
      return (await faultOf(apiFor(server).request(call))).message
    }
    expect(await refusal('not now')).toBe('not now')
    expect(await refusal(`what is ${value.reveal()}?`)).toBe('***REDACTED***')
  })

  test('403 names the scope that is missing', async () => {
    const body = { error: 'forbidden', message: 'no', requiredScopes: ['runs:trigger'] }
    const fault = await faultOf(get(apiFor(serve(() => Response.json(body, { status: 403 })))))
    expect(fault.hint).toContain('--scope runs:trigger')
  })

  test('an answer of another shape is a server error that names the field, and shows no value', async () => {
    const api = apiFor(serve(() => Response.json({ id: 'canary' })))
    const schema = v.object({ id: v.number() })
    const fault = await faultOf(api.request({ method: 'GET', path: '/api/x', schema }))
    expect([fault.code, fault.hint?.includes('"id"')]).toEqual(['server_error', true])
    expect(`${fault.message}${fault.hint}`).not.toContain('canary')
  })

  test('an empty answer is undefined', async () => {
    const api = apiFor(serve(() => new Response(null, { status: 204 })))
    expect(await api.request({ method: 'DELETE', path: '/api/x', schema: v.undefined() })).toBeUndefined()
  })

  test.each([200, 400, 500])('an answer %d that never ends is not read to its end', async (status) => {
    const { response, left } = endlessJson(status)
    const server = serve(() => response)
    const fault = await faultOf(get(apiFor(server)))
    expect([fault.code, fault.message]).toEqual([
      'server_error',
      `the response of ${server}/api/x is too large`,
    ])
    await left
  })

  test('a server that is down is unreachable, and the hint names it', async () => {
    const server = serve(() => new Response())
    await servers[0]?.stop(true)
    const fault = await faultOf(get(apiFor(server)))
    expect([fault.code, fault.message]).toEqual([
      'unreachable',
      `cannot reach ${server}: the connection was refused`,
    ])
    expect(fault.hint).toContain(server)
  })

  test('a redirect to another origin is not followed, and the credential stays', async () => {
    const seen: (string | null)[] = []
    const other = serve((request) => {
      seen.push(request.headers.get('authorization'))
      return Response.json({})
    })
    const server = serve(() => Response.redirect(`${other}/steal`, 302))
    const fault = await faultOf(get(apiFor(server)))
    expect([fault.code, seen]).toEqual(['server_error', []])
    expect(fault.hint).toContain(other)
  })

  test('a redirect on the same origin is followed, in a circle only so long', async () => {
    const server = serve((request) => {
      const { pathname, origin } = new URL(request.url)
      if (pathname === '/api/new') return Response.json({ ok: true })
      return Response.redirect(pathname === '/api/old' ? `${origin}/api/new` : request.url, 307)
    })
    expect(await get(apiFor(server), '/api/old')).toEqual({ ok: true })
    expect((await faultOf(get(apiFor(server), '/api/circle'))).code).toBe('server_error')
  })

  test('Ctrl-C ends it with its own reason', async () => {
    const abort = new AbortController()
    const server = serve(() => {
      abort.abort(new Fault('interrupted', 'interrupted'))
      return new Promise<Response>(() => {})
    })
    expect((await faultOf(get(apiFor(server, { signal: abort.signal })))).code).toBe('interrupted')
  })

  describe('that is not to be made twice', () => {
    const ifLost = { fact: 'it may have begun', hint: 'look first' }
    const post = (api: Api) => api.request({ method: 'POST', path: '/api/x', schema: anything, ifLost })

    test.each([
      ['nothing at all', ''],
      ['half a head', 'HTTP/1.1 200'],
      ['half a body', 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"a"'],
    ])('says what may have come of it when %s is the answer', async (_, answer) => {
      const server = createServer((socket) => socket.on('data', () => socket.end(answer)))
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const { port } = server.address() as AddressInfo
      const fault = await faultOf(post(apiFor(`http://127.0.0.1:${port}`)))
      server.close()
      expect([fault.code, fault.message, fault.hint]).toEqual([
        'unreachable',
        `no response from http://127.0.0.1:${port}: the connection was closed; it may have begun`,
        'look first',
      ])
    })

    test('says so with Ctrl-C once it is out, and not before', async () => {
      const late = new AbortController()
      const server = serve(() => {
        late.abort(new Fault('interrupted', 'interrupted'))
        return new Promise<Response>(() => {})
      })
      const fault = await faultOf(post(apiFor(server, { signal: late.signal })))
      expect([fault.code, fault.message]).toEqual(['interrupted', 'interrupted; it may have begun'])

      const early = new AbortController()
      const authorization = async () => {
        early.abort(new Fault('interrupted', 'interrupted'))
        return undefined
      }
      const sooner = await faultOf(post(apiFor(server, { signal: early.signal, authorization })))
      expect([sooner.code, sooner.message]).toEqual(['interrupted', 'interrupted'])
    })

    test('says nothing of it where the server refuses, or nobody listens', async () => {
      const server = serve(() => Response.json({ error: 'conflict', message: 'no' }, { status: 409 }))
      expect((await faultOf(post(apiFor(server)))).message).toBe('no')
      await servers[0]?.stop(true)
      expect((await faultOf(post(apiFor(server)))).message).toContain('the connection was refused')
    })
  })

  test('--debug shows what is sent and received, and neither token nor query values', async () => {
    const lines: string[] = []
    const server = serve(() => Response.json({ secret: 'canary' }))
    const api = apiFor(server, { debug: (line) => void lines.push(line) })
    await api.request({ method: 'GET', path: '/api/x', query: { q: 'canary' }, schema: anything })
    expect(lines).toEqual([`> GET ${server}/api/x?q=…`, '< 200 application/json;charset=utf-8'])
  })
})

const stream = (chunks: (string | Promise<string>)[], type = 'text/event-stream') =>
  new Response(
    new ReadableStream({
      async start(controller) {
        for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(await chunk))
        controller.close()
      },
    }),
    { headers: { 'content-type': type } },
  )
const collect = async (api: Api, lastEventId?: string) => {
  const signal = new AbortController().signal
  return Array.fromAsync(
    api.events({ path: '/e', signal, ...(lastEventId === undefined ? {} : { lastEventId }) }),
  )
}

describe('events', () => {
  test('are parsed wherever the chunks are cut', async () => {
    const text = ': hello\n\nid: 1\nevent: log\ndata: {"a":"ü"}\n\nid: 2\ndata: 7\n\n'
    const bytes = [...new TextEncoder().encode(text)]
    const server = serve(
      () =>
        new Response(
          new ReadableStream({
            start(controller) {
              for (const byte of bytes) controller.enqueue(Uint8Array.of(byte))
              controller.close()
            },
          }),
          { headers: { 'content-type': 'text/event-stream' } },
        ),
    )
    expect(await collect(apiFor(server))).toEqual([
      { id: '1', type: 'log', data: { a: 'ü' } },
      { id: '2', type: 'message', data: 7 },
    ])
  })

  test('ask to go on after the last one seen, with the credential', async () => {
    let headers = new Headers()
    const server = serve((request) => {
      headers = request.headers
      return stream([])
    })
    await collect(apiFor(server), '41')
    expect([headers.get('last-event-id'), headers.get('authorization')]).toEqual([
      '41',
      'Bearer canary-token',
    ])
  })

  test.each([
    ['no event stream', () => stream(['x'], 'text/html'), 'server_error'],
    ['data that is no JSON', () => stream(['data: canary{\n\n']), 'server_error'],
    ['401', () => new Response('', { status: 401 }), 'unauthenticated'],
    ['404', () => new Response('', { status: 404 }), 'not_found'],
  ] as const)('%s is a fault', async (_, answer, code) => {
    const fault = await faultOf(collect(apiFor(serve(answer))))
    expect(fault.code).toBe(code)
    expect(fault.message).not.toContain('canary')
  })

  test('a server that goes silent is given up, with no sleep in this test', async () => {
    const clock = manualClock()
    const server = serve(() => stream(['data: 1\n\n', new Promise(() => {})]))
    const signal = new AbortController().signal
    const events = apiFor(server, { clock }).events({ path: '/e', signal })[Symbol.asyncIterator]()
    expect((await events.next()).value?.data).toBe(1)
    const next = faultOf(events.next())
    await clock.sleeping()
    await clock.advance(90_000)
    expect((await next).code).toBe('unreachable')
  })

  test('leaving the loop closes the connection', async () => {
    const closed = Promise.withResolvers<void>()
    const server = serve((request) => {
      request.signal.addEventListener('abort', () => closed.resolve())
      return stream(['data: 1\n\n', new Promise(() => {})])
    })
    const signal = new AbortController().signal
    for await (const event of apiFor(server).events({ path: '/e', signal })) {
      expect(event.data).toBe(1)
      break
    }
    await closed.promise
  })
})

test('a credential is not sent in the clear to another machine, unless told so', async () => {
  const seen: string[] = []
  const noting = async (url: string) => {
    seen.push(url)
    return Response.json({})
  }
  const call = { method: 'GET', path: '/x', schema: v.unknown() }
  for (const server of ['http://ci.example.com', 'http://127.evil.example']) {
    const fault = await faultOf(apiFor(server, { fetch: noting }).request(call))
    expect({ code: fault.code, seen }).toEqual({ code: 'config', seen: [] })
  }
  await apiFor('http://ci.example.com', { fetch: noting, insecureHttp: true }).request(call)
  await apiFor('https://ci.example.com', { fetch: noting }).request(call)
  expect(seen).toEqual(['http://ci.example.com/x', 'https://ci.example.com/x'])
})
