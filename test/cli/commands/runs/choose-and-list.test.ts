/** Which run, token or runner a command means, filters of lists, times, and web addresses. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCommandLine } from '../../../../src/cli/run-command-line.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { fakeDeps } from '../../../support/client/fake-deps.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

const NOW = Date.UTC(2026, 10, 30, 12)
const MINUTE = 60_000
const idOf = (kind: string, digits: string) => `${kind}_${digits.padEnd(32, '0')}`
const at = (ms: number) => new Date(NOW + ms).toISOString()

/** Newest first. */
const RUNS = [
  { id: idOf('run', '019c'), pipeline: 'deploy', status: 'running', createdAt: at(-2 * MINUTE) },
  { id: idOf('run', '019b'), pipeline: 'test', status: 'failed', createdAt: at(-3 * 60 * MINUTE) },
  { id: idOf('run', '019a2'), pipeline: 'deploy', status: 'failed', createdAt: at(-5 * 24 * 60 * MINUTE) },
  { id: idOf('run', '019a1'), pipeline: 'deploy', status: 'success', createdAt: at(-90 * 24 * 60 * MINUTE) },
].map((run) =>
  Object.assign(run, {
    triggeredBy: run.pipeline === 'test' ? 'schedule' : 'ada@example.com',
    tokenName: run.status === 'running' ? 'Nightly' : null,
    startedAt: run.createdAt,
    endedAt: run.status === 'running' ? null : run.createdAt,
    message: null,
    lastEventId: 1,
  }),
)
const RUNNERS = ['01', '02', '12'].map((digits, i) => ({
  id: idOf('rnr', digits),
  name: `build-${i}`,
  status: i === 0 ? 'online' : 'offline',
  version: null,
  createdAt: at(0),
  lastSeenAt: i === 0 ? at(-5000) : null,
}))
const TOKENS = [
  { allPipelines: true, pipelines: [], expired: false, expiresAt: at(49 * 60 * MINUTE) },
  { allPipelines: false, pipelines: ['deploy'], expired: true, expiresAt: at(-MINUTE) },
  { allPipelines: false, pipelines: ['test'], expired: false, expiresAt: null },
].map((token, i) =>
  Object.assign(token, {
    id: idOf('tok', `${i}`),
    name: `token-${i}`,
    scopes: ['runs:read'],
    requireSignature: false,
    createdAt: at(0),
    lastUsedAt: null,
  }),
)
const PIPELINES = ['deploy', 'test'].map((name) => ({
  id: name,
  name,
  filename: `${name}.ts`,
  driver: 'native',
  paused: name === 'test',
  createdAt: at(0),
  updatedAt: at(-30_000),
}))

const asked: string[] = []
/** As a server of before: it knows no `status`. */
const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch(request) {
    const { pathname, searchParams } = new URL(request.url)
    asked.push(`${request.method} ${pathname}`)
    if (request.method === 'DELETE') return new Response(null, { status: 204 })
    if (pathname === '/api/runs') {
      const [cursor, pipeline] = [searchParams.get('cursor'), searchParams.get('pipeline')]
      const items = RUNS.filter(
        (run) => (cursor === null || run.id < cursor) && run.pipeline === (pipeline ?? run.pipeline),
      )
      const limit = Number(searchParams.get('limit'))
      const next = items.length > limit ? items[limit - 1]?.id : null
      return Response.json({ items: items.slice(0, limit), next })
    }
    const lists: Record<string, unknown[]> = {
      '/api/runners': RUNNERS,
      '/api/auth/cli-tokens': TOKENS,
      '/api/pipelines': PIPELINES,
    }
    if (lists[pathname] !== undefined) return Response.json({ items: lists[pathname], next: null })
    if (pathname.endsWith('/events')) {
      const exit = { code: 0, run_id: 'x' }
      return new Response(
        `id: 1\nevent: log\ndata: {"stream":"stdout","data":"from ${pathname}\\n"}\n\nid: 2\nevent: exit\ndata: ${JSON.stringify(exit)}\n\n`,
        { headers: { 'content-type': 'text/event-stream' } },
      )
    }
    if (pathname.endsWith('/run')) return Response.json({ run_id: RUNS[0]?.id }, { status: 202 })
    const run = RUNS.find(({ id }) => pathname.startsWith(`/api/runs/${id}`))
    if (run !== undefined) return Response.json(run)
    return Response.json({ error: 'not_found', message: 'run not found' }, { status: 404 })
  },
})
const url = server.url.origin
afterAll(() => server.stop(true))
beforeEach(() => void asked.splice(0))

async function fob(words: string, { terminal = false, env = {} } = {}) {
  const given = { FOB_SERVER: url, FOB_TOKEN: 'canary-token', ...env }
  const deps = { ...fakeDeps({ terminal, env: given }), clock: manualClock(NOW) }
  const code = await runCommandLine(words.split(' '), deps)
  return { code, out: deps.io.out(), err: deps.io.err() }
}
const ids = (out: string) => (JSON.parse(out) as { id: string }[]).map(({ id }) => id.slice(4, 9))

describe('which run', () => {
  test.each([
    ['runs show', RUNS[0]],
    ['runs show -p test', RUNS[1]],
    ['runs show run_019b', RUNS[1]],
    ['runs show 019a2', RUNS[2]],
    [`runs show ${RUNS[3]?.id}`, RUNS[3]],
  ])('fob %s shows the one that is meant', async (words, run) => {
    const { code, out } = await fob(`${words} -o json`)
    expect([code, JSON.parse(out)]).toEqual([0, { ...run, url: `${url}/runs/${run?.id}` }])
  })

  test('fob runs logs without an ID prints the log of the newest run, and says which that is', async () => {
    const { out, err } = await fob('runs logs -p test')
    expect(out).toBe(`from /api/runs/${RUNS[1]?.id}/events\n`)
    expect(err).toContain(`Run ${RUNS[1]?.id} of test\n`)
  })

  test('a beginning that several IDs have is refused with two of them', async () => {
    const { code, err } = await fob('runs stop 019a')
    expect(code).toBe(2)
    expect(err).toBe(
      `fob: more than one run has an ID that begins like this\nhint: type more of it: ${RUNS[2]?.id}, ${RUNS[3]?.id}, …\n`,
    )
    expect(asked).toEqual(['GET /api/runs'])
  })

  test('a whole ID is used without a question', async () => {
    await fob(`runs stop ${RUNS[0]?.id}`)
    expect(asked).toEqual([`POST /api/runs/${RUNS[0]?.id}/stop`])
  })

  test.each([
    ['runs stop', 'fob runs stop needs ID'],
    ['runs resume', 'fob runs resume needs ID'],
    ['runs stop run_', 'that is the ID of no run'],
    ['runs show run_019b -p test', '--pipeline and the ID of a run cannot be used together'],
  ])('fob %s is refused: %s', async (words, message) => {
    const { code, err } = await fob(words)
    expect([code, err]).toEqual([2, expect.stringContaining(`fob: ${message}\n`)])
  })

  test('without any run there is none to show', async () => {
    const { code, err } = await fob('runs show -p never')
    expect([code, err]).toEqual([
      6,
      'fob: there is no run of never yet\nhint: start one with fob pipeline run never\n',
    ])
  })
})

describe('the beginning of an ID', () => {
  test.each([
    ['runners rm rnr_1', `DELETE /api/runners/${RUNNERS[2]?.id}`],
    ['tokens revoke tok_2', `DELETE /api/auth/cli-tokens/${TOKENS[2]?.id}`],
  ])('is enough for fob %s', async (words, call) => {
    expect((await fob(words)).code).toBe(0)
    expect(asked.at(-1)).toBe(call)
  })

  test.each(['runners rm rnr_0', 'runners rm rnr_', 'tokens revoke tok_'])(
    'of several names none, so fob %s deletes nothing',
    async (words) => {
      expect((await fob(words)).code).toBe(2)
      expect(asked.filter((call) => call.startsWith('DELETE'))).toEqual([])
    },
  )
})

describe('filters of lists, at a server that has none of them', () => {
  test.each([
    ['runs list --status failed', ['019b0', '019a2']],
    ['runs list --status failed -p deploy', ['019a2']],
    ['runs list --status failed --limit 1', ['019b0']],
    ['runs list --by ADA', ['019c0', '019a2', '019a1']],
    ['runs list --by schedule', ['019b0']],
    ['runs list --by nightly --status running', ['019c0']],
    ['runs list --since 4h', ['019c0', '019b0']],
    ['runs list --since 2026-11-25 --until 2026-11-25', ['019a2']],
    [`runs list --until ${at(-4 * 60 * MINUTE)} -p deploy -n 1`, ['019a2']],
    ['runs list -n 3', ['019c0', '019b0', '019a2']],
    ['runners list --status offline', ['02000', '12000']],
    ['runners list --status offline --limit 1', ['02000']],
    ['tokens list -p deploy', ['00000', '10000']],
    ['tokens list --status active', ['00000', '20000']],
    ['tokens list --limit 1', ['00000']],
  ])('fob %s', async (words, expected) => {
    const { out } = await fob(`${words} -o json`)
    expect(ids(out)).toEqual(expected)
  })

  test('fob pipeline list --status paused', async () => {
    expect((await fob('pipeline list --status paused')).out).toBe(`test\tnative\tpaused\t${at(-30_000)}\n`)
  })

  test.each([
    [
      'runs list --status faild',
      '--status takes queued, running, success, failed or stopped',
      'did you mean failed?',
    ],
    [
      'runs list --since soon',
      '--since takes an age such as 24h or 7d, a day such as 2026-01-31, or an instant in RFC 3339',
      undefined,
    ],
    ['runs list --by=', '--by is empty', undefined],
    ['runs list --limit 0', '--limit takes a number from 1', undefined],
    ['tokens list --limit x', '--limit takes a number from 1', undefined],
  ])('fob %s is refused', async (words, message, hint) => {
    const { code, err } = await fob(words)
    expect([code, err]).toEqual([2, `fob: ${message}\n${hint === undefined ? '' : `hint: ${hint}\n`}`])
  })

  test('an empty list says of what', async () => {
    expect((await fob('runs list --status stopped -p deploy', { terminal: true })).err).toBe(
      'no stopped runs of deploy yet\n',
    )
    expect((await fob('runs list --by carol --since 2026-11-30', { terminal: true })).err).toBe(
      'no runs by carol since 2026-11-30T00:00:00.000Z yet\n',
    )
  })
})

describe('what fob runs show says of a run', () => {
  const facts = {
    ...RUNS[2],
    id: idOf('run', '0199'),
    tokenName: 'Nightly',
    origin: { kind: 'webhook', provider: 'github', delivery: '72d3162e' },
    task: 'roll back now',
    args: ['a b', 'c'],
    timeoutMs: 60_000,
    queuedMs: 1234,
    durationMs: 5000,
    sourceChanged: true,
    attempt: 2,
    attempts: [
      { attempt: 1, status: 'failed', message: 'the tests do not pass', by: 'ada@example.com' },
      { attempt: 2, status: 'failed', message: null, by: 'bob@example.com' },
    ].map((one) => Object.assign(one, { queuedAt: null, startedAt: null, endedAt: null })),
  }
  beforeAll(() => void RUNS.push(facts as never))
  afterAll(() => void RUNS.pop())

  test('names who started it, from where, with what, and why earlier attempts ended', async () => {
    const { out } = await fob('runs show run_0199')
    for (const line of [
      'by\tada@example.com',
      'token\tNightly',
      'from\ta webhook (github), delivery 72d3162e',
      'task\troll back now',
      'argument\ta b',
      'argument\tc',
      'waited\t1.2 s',
      'took\t5.0 s',
      'time limit\t60.0 s',
      'source\tof the pipeline: changed since then',
      'attempt 1\tfailed: the tests do not pass',
    ]) {
      expect(out).toContain(`${line}\n`)
    }
    expect(out).not.toContain('attempt 2\t')
  })

  test('is the same in JSON, and an origin that this version does not know is left out of a table', async () => {
    expect(JSON.parse((await fob('runs show run_0199 -o json')).out)).toMatchObject(facts)
    facts.origin = { kind: 'pigeon', provider: '', delivery: '' }
    expect((await fob('runs show run_0199')).out).not.toContain('from\t')
  })
})

describe('times', () => {
  test('are told by their distance in a table on a terminal', async () => {
    const { out } = await fob('runs list', { terminal: true })
    expect(
      out
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/ {2,}/).at(-1)),
    ).toEqual(['CREATED', '2 min ago', '3 h ago', '5 d ago', '2026-09-01'])
    expect((await fob('tokens list', { terminal: true })).out).toContain('in 2 d')
    expect((await fob('runs show', { terminal: true })).out).toContain(`${at(-2 * MINUTE)} (2 min ago)`)
  })

  test('are whole everywhere else', async () => {
    for (const words of ['runs list', 'runs list -o tsv', 'runs list -o json', 'runs list -o table']) {
      expect((await fob(words)).out).toContain(at(-2 * MINUTE))
    }
    expect((await fob('runs list -o tsv', { terminal: true })).out).toContain(at(-2 * MINUTE))
  })
})

describe('the web address of a run', () => {
  const page = `${url}/runs/${RUNS[0]?.id}`
  const folder = temporaryFolder()
  const opened = join(folder, 'opened')
  const browser = join(folder, 'browser')
  beforeAll(() => {
    writeFileSync(browser, `#!/bin/sh\nprintf %s "$1" > ${opened}.part\nmv ${opened}.part ${opened}\n`)
    chmodSync(browser, 0o755)
  })

  test('is printed when the run starts, beside its ID', async () => {
    expect((await fob('pipeline run deploy')).err).toStartWith(`Run ${RUNS[0]?.id}\n${page}\n`)
    const detached = await fob('pipeline run deploy --detach')
    expect([detached.out, detached.err]).toEqual([`run\t${RUNS[0]?.id}\n`, `${page}\n`])
    expect(JSON.parse((await fob('pipeline run deploy --detach -o json')).out)).toEqual({
      id: RUNS[0]?.id,
      url: page,
    })
  })

  test.each(['runs show --web', 'pipeline run deploy --web --detach'])('fob %s opens it', async (words) => {
    const { code } = await fob(words, { env: { BROWSER: browser } })
    expect(code).toBe(0)
    expect(existsSync(opened) && readFileSync(opened, 'utf8')).toBe(page)
  })
})
