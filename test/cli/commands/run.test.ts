/** `fob run`: what it sends, what it prints, where it finds its token, and its exit code for each failure. */
import { afterEach, describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chooseWork, RUNS_WORDS } from '../../../src/cli/commands/run.ts'
import { machine } from '../../support/client/client-machine.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const inDays = (days: number) => Math.floor(Date.now() / 1000 + days * 86_400)
const jwt = (days: number) => `${encode({ alg: 'HS256' })}.${encode({ exp: inDays(days) })}.canary-signature`
const GOOD = jwt(30)

const servers: Bun.Server<undefined>[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true)
})

/** A server whose runs end at once, with what it was asked. */
function serve(options: { code?: number; status?: number } = {}) {
  const requests: { line: string; authorization: string | null; body: unknown }[] = []
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url)
      const body: unknown = request.method === 'POST' ? await request.json() : undefined
      const authorization = request.headers.get('authorization')
      requests.push({ line: `${request.method} ${pathname}`, authorization, body })
      if (options.status !== undefined) return Response.json({ error: 'x' }, { status: options.status })
      if (request.method === 'POST') return Response.json({ run_id: 'run_1' }, { status: 202 })
      const happened: [type: string, data: unknown][] = [
        ['run', { status: 'running' }],
        ['task', { name: 'work', status: 'running' }],
        ['log', { task: 'work', stream: 'stdout', data: 'a line\n' }],
        ['log', { task: 'work', stream: 'stderr', data: 'a complaint\n' }],
        ['task', { name: 'work', status: 'success', code: 0 }],
        ['exit', { code: options.code ?? 0, run_id: 'run_1' }],
      ]
      const events = happened.map(
        ([type, data], i) => `id: ${i + 1}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`,
      )
      return new Response(events.join(''), { headers: { 'content-type': 'text/event-stream' } })
    },
  })
  servers.push(server)
  return { url: server.url.origin, requests }
}

describe('the pipeline, the task and the credential of a run', () => {
  const rows: [
    name: string,
    given: Partial<Parameters<typeof chooseWork>[0]>,
    configured: string | undefined,
    work: ReturnType<typeof chooseWork>,
  ][] = [
    ['a name', { name: 'deploy' }, undefined, { name: 'deploy', args: [], task: undefined }],
    ['a name and a task', { name: 'deploy', task: 'go' }, 'other', { name: 'deploy', args: [], task: 'go' }],
    [
      'S133: a name and a prompt',
      { name: 'agent', args: ['fix it'] },
      undefined,
      { name: 'agent', args: ['fix it'], task: 'fix it' },
    ],
    [
      'a name and arguments',
      { name: 'p', args: ['a', 'b'] },
      undefined,
      { name: 'p', args: ['a', 'b'], task: undefined },
    ],
    ['both', { name: 'p', args: ['a'], task: 't' }, undefined, { name: 'p', args: ['a'], task: 't' }],
    ['S131: a task alone', { task: 'go' }, 'agent', { name: 'agent', args: [], task: 'go' }],
    [
      'S133: a prompt alone',
      { name: 'fix the test' },
      'agent',
      { name: 'agent', args: [], task: 'fix the test' },
    ],
    ['nothing at all', {}, 'agent', { name: 'agent', args: [], task: undefined }],
  ]
  test.each(rows)('%s', (_name, given, configured, work) => {
    expect(chooseWork({ name: undefined, args: [], task: undefined, ...given }, configured)).toEqual(work)
  })

  test.each([
    ['no pipeline anywhere', { task: 'go' }, undefined, 'no pipeline is named'],
    ['a prompt for no pipeline', { name: 'fix the test' }, undefined, 'is not the name of a pipeline'],
    ['two tasks', { name: 'fix the test', task: 'go' }, 'agent', 'given twice'],
    ['an empty variable', { name: '' }, 'agent', 'is empty'],
  ])('%s is a wrong usage', (_name, given, configured, words) => {
    const choose = () => chooseWork({ name: undefined, args: [], task: undefined, ...given }, configured)
    expect(choose).toThrow(words)
  })
})

describe('a machine with nothing configured', () => {
  test('S125, S126, S131, S132: one command, with the log alone on stdout and what complains on stderr', async () => {
    const { url, requests } = serve()
    const { run, home } = machine()
    const args = ['run', 'deploy', '--task', 'roll back', '--jwt-token', GOOD, '--base-url', url, '--silent']
    expect(await run(args)).toEqual({ code: 0, out: 'a line\n', err: 'a complaint\n' })
    expect(requests).toEqual([
      {
        line: 'POST /api/pipelines/deploy/run',
        authorization: `Bearer ${GOOD}`,
        body: { args: [], task: 'roll back' },
      },
      { line: 'GET /api/runs/run_1/events', authorization: `Bearer ${GOOD}`, body: undefined },
    ])
    expect(existsSync(home)).toBe(false)
  })

  test('reads no store, so one that cannot be read does no harm', async () => {
    const { url } = serve()
    const { run, file, home } = machine()
    mkdirSync(home, { recursive: true, mode: 0o700 })
    writeFileSync(file, 'not JSON', { mode: 0o600 })
    expect((await run(['run', 'p', '-s', url, '-q'], { env: { FOB_TOKEN: 'ci_x' } })).code).toBe(0)
    const pipelineRun = ['pipeline', 'run', 'p', '-s', url, '-q']
    expect((await run(pipelineRun, { env: { FOB_TOKEN: 'ci_x' } })).code).toBe(0)
    // Where it is needed, it is said that it is broken.
    expect((await run(pipelineRun)).code).toBe(2)
  })

  test.each([
    ['a run that succeeds', {}, 0],
    ['a run that fails', { code: 1 }, 1],
    ['S130: a token that was revoked', { status: 401 }, 4],
    ['a token that may not', { status: 403 }, 5],
    ['no such pipeline', { status: 404 }, 6],
    ['a server that fails', { status: 500 }, 7],
  ])('%s: exit %#', async (_name, options, code) => {
    const { url } = serve(options)
    const ended = await machine().run(['run', 'p', '--jwt-token', GOOD, '-s', url, '-q'])
    expect(ended.code).toBe(code)
    expect(ended.err).not.toContain('canary')
  })

  test.each(RUNS_WORDS)('"fob run %s" without a pipeline of that name names "fob runs"', async (word) => {
    const { url } = serve({ status: 404 })
    const { code, err } = await machine().run(['run', word, 'x', '--jwt-token', GOOD, '-s', url])
    expect([code, err]).toEqual([6, expect.stringContaining(`hint: did you mean "fob runs ${word}"?`)])
  })

  test('"fob run" knows every word of "fob runs"', async () => {
    const { out } = await machine().run(['runs', '--help'])
    const words = [...out.matchAll(/^ {2}([a-z]+) {2}/gm)].map(([, word]) => word)
    expect(new Set(words)).toEqual(new Set(RUNS_WORDS))
  })

  test('a server that is not there: exit 7', async () => {
    const ended = await machine().run(['run', 'p', '--jwt-token', GOOD, '-s', 'http://127.0.0.1:1', '-q'])
    expect([ended.code, ended.err]).toEqual([7, expect.stringContaining('cannot reach http://127.0.0.1:1')])
  })

  test.each([
    ['S127: two parts', ['--jwt-token', 'canary.canary'], {}, 'is not a JWT (header.payload.signature)'],
    ['S127: an error page', ['--jwt-token', '<html>canary</html>'], {}, 'is not a JWT'],
    ['S127: what jq prints for nothing', ['--jwt-token', 'null'], {}, 'is not a JWT'],
    ['S129: an empty variable', ['--jwt-token', ''], {}, '--jwt-token is empty'],
    ['S128: one that has run out', ['--jwt-token', jwt(-1)], {}, 'has expired'],
    ['S128: one in the variable', [], { FOB_JWT_TOKEN: jwt(-1) }, 'FOB_JWT_TOKEN has expired'],
  ])('%s: exit 4, and nothing is sent', async (_name, flags, env, words) => {
    const { url, requests } = serve()
    const { code, out, err } = await machine().run(['run', 'p', '-s', url, '-q', ...flags], { env })
    expect({ code, out, requests }).toEqual({ code: 4, out: '', requests: [] })
    expect(err).toContain(words)
    expect(err).not.toContain('canary')
  })

  test('both kinds of token are a wrong usage', async () => {
    const ended = await machine().run(['run', 'p', '--jwt-token', GOOD, '--auth-token', 'x'])
    expect(ended.code).toBe(2)
  })

  test('S129: where a token is needed and there is none, it says where it looked', async () => {
    const { url } = serve({ status: 401 })
    const { code, err } = await machine().run(['run', 'p', '-s', url, '-q'])
    expect(code).toBe(4)
    for (const place of ['--jwt-token', 'FOB_JWT_TOKEN', 'FOB_TOKEN', 'CI_AUTH_TOKEN', 'stored logins']) {
      expect(err).toContain(place)
    }
  })

  test.each([
    [1, 'warning: the token in --jwt-token ends in 23 h'],
    [6.9, 'warning: the token in --jwt-token ends in 6 days'],
    [7.1, undefined],
  ])('S128: a token that ends in %p days', async (days, words) => {
    const { url } = serve()
    const { code, err } = await machine().run(['run', 'p', '--jwt-token', jwt(days), '-s', url])
    expect(code).toBe(0)
    if (words === undefined) expect(err).not.toContain('warning')
    else expect(err).toContain(words)
  })

  test.each([
    ['text', 'line one\nline two\n', 'line one\nline two'],
    ['what a Windows program prints', 'one\r\n', 'one'],
    ['letters of any kind', 'ä€𝄞', 'ä€𝄞'],
  ])('--task - takes %s from standard input', async (_name, stdin, task) => {
    const { url, requests } = serve()
    await machine().run(['run', 'p', '--task', '-', '--jwt-token', GOOD, '-s', url, '-q'], { stdin })
    expect(requests[0]?.body).toEqual({ args: [], task })
  })

  test.each([
    ['nothing', '\n', 'is empty'],
    ['more than anybody writes', 'a'.repeat(1024 * 1024 + 1), 'larger than 1 MiB'],
  ])('--task - refuses %s, and sends nothing', async (_name, stdin, words) => {
    const { url, requests } = serve()
    const ended = await machine().run(['run', 'p', '--task', '-', '--jwt-token', GOOD, '-s', url], { stdin })
    expect([ended.code, requests]).toEqual([2, []])
    expect(ended.err).toContain(words)
  })

  test('S133: the pipeline can stand in config.toml, and the task alone on the line', async () => {
    const { url, requests } = serve()
    const { run, home } = machine()
    mkdirSync(home, { recursive: true, mode: 0o700 })
    writeFileSync(join(home, 'config.toml'), `server = "${url}"\n[run]\npipeline = "agent"\n`, {
      mode: 0o600,
    })
    await run(['run', '--jwt-token', GOOD, 'fix the failing test'])
    await run(['run', 'fix the failing test'], { env: { FOB_JWT_TOKEN: GOOD } })
    const asked = { line: 'POST /api/pipelines/agent/run', body: { args: [], task: 'fix the failing test' } }
    expect(requests.filter(({ line }) => line.startsWith('POST'))).toMatchObject([asked, asked])
  })

  test('asks nobody about a project it does not know, terminal or not', async () => {
    const { url } = serve()
    const cwd = temporaryFolder()
    writeFileSync(join(cwd, '.fob.toml'), 'server = "https://evil.example"\n')
    const ended = await machine().run(['run', 'p', '--jwt-token', GOOD, '-s', url], { cwd })
    expect([ended.code, ended.out]).toEqual([0, 'a line\n'])
  })
})
