/** `fob api`: methods, paths, fields, headers, input, pages, exit codes, and a credential that is never shown. */
import { afterAll, beforeEach, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCommandLine } from '../../../src/cli/run-command-line.ts'
import { fakeDeps } from '../../support/client/fake-deps.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const TOKEN = 'canary-token-4711'
interface Asked {
  call: string
  body: string
  headers: Record<string, string>
}
const asked: Asked[] = []
const STATUS: Record<string, number> = {
  '/api/401': 401,
  '/api/403': 403,
  '/api/404': 404,
  '/api/409': 409,
  '/api/500': 500,
}
const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  async fetch(request) {
    const { pathname, search, searchParams } = new URL(request.url)
    const headers = Object.fromEntries(request.headers)
    asked.push({ call: `${request.method} ${pathname}${search}`, body: await request.text(), headers })
    if (pathname === '/api/pages') {
      const at = Number(searchParams.get('cursor') ?? '0')
      return Response.json({ items: [at, at + 1], next: at < 4 ? String(at + 2) : null })
    }
    if (pathname === '/api/circle') return Response.json({ items: [], next: 'again' })
    if (pathname === '/api/echo') {
      // In two pieces, cut within the token.
      const { authorization } = headers
      const half = (authorization?.length ?? 0) - 6
      const body = new ReadableStream<Uint8Array>({
        async start(controller) {
          controller.enqueue(new TextEncoder().encode(authorization?.slice(0, half)))
          await Bun.sleep(5)
          controller.enqueue(new TextEncoder().encode(authorization?.slice(half)))
          controller.close()
        },
      })
      return new Response(body, {
        headers: { 'x-echo': authorization ?? '', 'set-cookie': 'session=canary-cookie' },
      })
    }
    if (pathname === '/api/hostile') return new Response('a\u001b]52;c;x\u0007b\u001b[31m')
    if (pathname === '/api/away') return Response.redirect('https://elsewhere.example/', 302)
    const status = STATUS[pathname]
    if (status !== undefined) {
      return Response.json({ error: 'no', message: `refused ${headers.authorization}` }, { status })
    }
    return Response.json({ ok: true })
  },
})
const url = server.url.origin
afterAll(() => server.stop(true))
beforeEach(() => void asked.splice(0))

async function api(args: string[], { stdin, terminal = false }: { stdin?: string; terminal?: boolean } = {}) {
  const env = { FOB_SERVER: url, FOB_TOKEN: TOKEN }
  const deps = fakeDeps({ env, terminal, ...(stdin === undefined ? {} : { stdin }) })
  const code = await runCommandLine(['api', ...args], deps)
  return { code, out: deps.io.out(), err: deps.io.err() }
}

describe('what is sent', () => {
  const file = join(temporaryFolder(), 'value.txt')
  writeFileSync(file, '42')
  test.each<[string[], string, string]>([
    [['/api/runs'], 'GET /api/runs', ''],
    [['runs'], 'GET /api/runs', ''],
    [['api/runs'], 'GET /api/runs', ''],
    [['get', '/health'], 'GET /health', ''],
    [['GET', '/api/runs?status=failed'], 'GET /api/runs?status=failed', ''],
    [['runs', '--paginate'], 'GET /api/runs', ''],
    [['GET', 'runs', '-f', 'status=failed', '-F', 'limit=5'], 'GET /api/runs?status=failed&limit=5', ''],
    [['runs', '-f', 'a=1'], 'POST /api/runs', '{"a":"1"}'],
    [['DELETE', 'runs/x'], 'DELETE /api/runs/x', ''],
    [
      ['POST', 'x', '-F', 'n=-3', '-F', 'yes=true', '-F', 'no=false', '-F', 'nil=null', '-F', 't=1.5'],
      'POST /api/x',
      '{"n":-3,"yes":true,"no":false,"nil":null,"t":"1.5"}',
    ],
    [
      ['PUT', 'x', '-F', 'a[b][c]=1', '-F', 'a[b][d]=2', '-F', 'l[]=x', '-F', 'l[]=y'],
      'PUT /api/x',
      '{"a":{"b":{"c":1,"d":2}},"l":["x","y"]}',
    ],
    [['POST', 'x', '-F', '__proto__=1'], 'POST /api/x', '{"__proto__":1}'],
    [['POST', 'x', '-F', `v=@${file}`], 'POST /api/x', '{"v":"42"}'],
    [['POST', 'x', '--input', file, '-f', 'q=1'], 'POST /api/x?q=1', '42'],
  ])('%j', async (args, call, body) => {
    expect((await api(args)).code).toBe(0)
    expect(asked[0]).toMatchObject({ call, body })
    expect(asked[0]?.headers.authorization).toBe(`Bearer ${TOKEN}`)
  })

  test('the body, or the value of a field, comes from standard input', async () => {
    await api(['POST', 'x', '--input', '-'], { stdin: '{"a":1}\n' })
    await api(['POST', 'x', '-F', 'v=@-'], { stdin: 'line\n' })
    expect(asked.map(({ body }) => body)).toEqual(['{"a":1}\n', '{"v":"line\\n"}'])
    expect(asked[0]?.headers['content-type']).toBe('application/json')
  })

  test('headers are added', async () => {
    await api(['runs', '-H', 'X-One: 1', '-H', 'Accept: text/plain'])
    expect(asked[0]?.headers).toMatchObject({ 'x-one': '1', accept: 'text/plain' })
  })

  test.each<[string[], string]>([
    [['https://elsewhere.example/api'], 'fob api takes a path on the server, not an address'],
    [['GET', '//elsewhere.example/api'], 'fob api takes a path on the server, not an address'],
    [['GET', '/\\elsewhere.example'], 'fob api takes a path on the server, not an address'],
    [['GET'], 'fob api GET needs PATH'],
    [['TRACE', '/x'], 'the method is GET, POST, PUT, PATCH, DELETE or HEAD'],
    [['x', '-H', 'Authorization: Bearer canary'], '--header cannot set authorization'],
    [['x', '-H', 'cookie: canary'], '--header cannot set cookie'],
    [['x', '-H', 'no colon'], '--header takes NAME: VALUE'],
    [['x', '-f', 'novalue'], '--raw-field takes KEY=VALUE, KEY[NAME]=VALUE or KEY[]=VALUE'],
    [['x', '-F', 'a[b=1'], '--field takes KEY=VALUE, KEY[NAME]=VALUE or KEY[]=VALUE'],
    [
      ['x', '-F', 'a=1', '-F', 'a[b]=1'],
      'a field is a value in one place, and a list or a record in another',
    ],
    [['POST', 'x', '--paginate'], '--paginate is for GET'],
    [['POST', 'x', '--input', '/nowhere/at/all'], 'there is no file /nowhere/at/all'],
  ])('%j is refused, and nothing is sent', async (args, message) => {
    const { code, err } = await api(args)
    expect([code, err.split('\n')[0], asked]).toEqual([2, `fob: ${message}`, []])
    expect(err).not.toContain('canary')
  })

  test('--input - at a terminal is exit 2', async () => {
    expect((await api(['POST', 'x', '--input', '-'], { terminal: true })).code).toBe(2)
  })
})

describe('what comes back', () => {
  test.each([
    [401, 4],
    [403, 5],
    [404, 6],
    [409, 1],
    [500, 7],
  ])('%i prints the body, and exits %i', async (status, code) => {
    const ended = await api([String(status)])
    expect([ended.code, JSON.parse(ended.out)]).toEqual([
      code,
      { error: 'no', message: 'refused Bearer ***REDACTED***' },
    ])
    expect(ended.err).toStartWith('fob: ')
    expect(ended.out + ended.err).not.toContain(TOKEN)
  })

  test('a credential that is echoed is never shown, wherever the response is cut', async () => {
    const { out, err } = await api(['echo', '-i', '--debug'])
    expect(out).toContain('x-echo: Bearer ***REDACTED***\n')
    expect(out).toEndWith('\n\nBearer ***REDACTED***')
    expect(out + err).not.toContain('canary')
  })

  test('--include prints status and headers first', async () => {
    const { out } = await api(['x', '-i'])
    expect(out).toMatch(/^HTTP 200 OK\n(?:[\w-]+: .*\n)+\n\{"ok":true\}$/)
  })

  test('--paginate joins all pages of a list; pages in a circle end', async () => {
    expect(JSON.parse((await api(['pages', '--paginate'])).out)).toEqual({
      items: [0, 1, 2, 3, 4, 5],
      next: null,
    })
    const circle = await api(['circle', '--paginate'])
    expect([circle.code, circle.err]).toEqual([7, 'fob: the pages of the list go in a circle\n'])
  })

  test('JSON is indented on a terminal alone, and nothing drives the terminal', async () => {
    expect((await api(['x'], { terminal: true })).out).toBe('{\n  "ok": true\n}\n')
    expect((await api(['x'])).out).toBe('{"ok":true}')
    expect((await api(['hostile'], { terminal: true })).out).toBe('ab\u001b[31m\u001b[0m')
    expect((await api(['hostile'])).out).toBe('a\u001b]52;c;x\u0007b\u001b[31m')
  })

  test('a redirect to another server is not followed', async () => {
    const { code, err } = await api(['away'])
    expect([code, err]).toEqual([7, expect.stringContaining('a credential must not follow')])
  })
})
