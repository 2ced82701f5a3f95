/** The MCP tools over Streamable HTTP: pipelines, runs and logs, and refusals as errors of the tool. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { connectHost, type McpHost, REVISIONS } from '../../support/servers/mcp-client.ts'
import { startServer, type TestServer } from '../../support/servers/test-server.ts'

const CANARY = 'canary-4f7a-value'
const DEPLOY = `const pipeline = async () => {
  console.log('args ' + pipelineContext.args.join('+') + ' task ' + pipelineContext.task)
  await runtime.run({ name: 'show', image: 'busybox', env: { KEY: 'secret:KEY' },
    command: { path: 'sh', args: ['-c', 'echo key=$KEY; for i in 1 2 3 4 5 6 7 8; do echo line $i; done'] } })
}
export { pipeline }
`
const SLEEP = `const pipeline = async () => {
  await runtime.run({ name: 'nap', image: 'busybox', command: { path: 'sleep', args: ['60'] } })
}
export { pipeline }
`

let server: TestServer
let host: McpHost

async function put(name: string, source: string, secrets?: Record<string, string>): Promise<void> {
  const answer = await fetch(`${server.url}/api/pipelines/${name}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ source, filename: `${name}.ts`, ...(secrets === undefined ? {} : { secrets }) }),
  })
  if (!answer.ok) throw new Error(await answer.text())
}

async function audited(): Promise<{ action: string; target: string; credential: unknown }[]> {
  const answer = await fetch(`${server.url}/api/audit?limit=20`)
  return ((await answer.json()) as { items: { action: string; target: string; credential: unknown }[] }).items
}

beforeAll(async () => {
  server = await startServer()
  await put('deploy', DEPLOY, { KEY: CANARY })
  await put('sleep', SLEEP)
  host = await connectHost(`${server.url}/mcp`)
})
afterAll(async () => {
  await host.close()
  await server.stop()
})

describe('S49: /mcp, Streamable HTTP', () => {
  test.each(REVISIONS)('serves hosts of revision %s', async (revision) => {
    const other = await connectHost(`${server.url}/mcp`, { revision })
    expect(other.client.getNegotiatedProtocolVersion()).toBe(revision)
    expect(other.client.getServerVersion()).toMatchObject({ name: 'fob' })
    expect(await other.tools()).toEqual([
      'list_pipelines',
      'get_pipeline',
      'run_pipeline',
      'list_runs',
      'get_run',
      'get_run_log',
      'stop_run',
      'list_secrets',
    ])
    const heard: string[] = []
    const ran = await other.call('run_pipeline', { name: 'deploy', waitSeconds: 30 }, (m) => heard.push(m))
    expect(ran.data).toMatchObject({ ended: true, run: { pipeline: 'deploy', status: 'success' } })
    expect(heard).toEqual(['show: running', 'show: success'])
    await other.close()
  })

  test('shows pipelines and the names of secrets, and no value', async () => {
    // Its secret is in the pipeline's scope, and none of its own.
    const webhook = await fetch(`${server.url}/api/pipelines/deploy/webhook`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ provider: 'github' }),
    })
    expect(webhook.status).toBeLessThan(300)
    const list = await host.call('list_pipelines')
    expect(list.data).toMatchObject({ pipelines: [{ name: 'deploy' }, { name: 'sleep' }], next: null })
    const one = await host.call('get_pipeline', { name: 'deploy' })
    expect(one.data).toMatchObject({
      name: 'deploy',
      source: DEPLOY,
      secrets: ['KEY'],
      sourceTruncated: false,
    })
    const secrets = await host.call('list_secrets', { pipeline: 'deploy' })
    expect(secrets.data).toMatchObject({ secrets: [{ key: 'KEY', scope: 'pipeline', pipeline: 'deploy' }] })
    for (const { text } of [list, one, secrets]) expect(text).not.toContain(CANARY)
  })

  test('a run gets what it was given, its log is redacted, and can be read in pieces', async () => {
    const asked = { name: 'deploy', args: ['a', 'b'], task: 'roll back', waitSeconds: 30 }
    const { data } = await host.call('run_pipeline', asked)
    const { id: run } = data.run as { id: string }
    const whole = await host.call('get_run_log', { run })
    expect(whole.data).toMatchObject({ run, status: 'success', offset: 0, more: false })
    const text = String(whole.data.text)
    expect(text).toStartWith('args a+b task roll back\nkey=')
    expect(text).toEndWith('line 8\n')
    expect(text).not.toContain(CANARY)

    let pieced = ''
    for (let offset = 0, more = true; more;) {
      const page = await host.call('get_run_log', { run, offset, maxChars: 7 })
      expect(String(page.data.text).length).toBeLessThanOrEqual(7)
      pieced += String(page.data.text)
      offset = Number(page.data.nextOffset)
      more = page.data.more === true
    }
    expect(pieced).toBe(text)
    const tail = await host.call('get_run_log', { run, maxChars: 7 })
    expect(tail.data).toMatchObject({ text: 'line 8\n', offset: text.length - 7, nextOffset: text.length })
    const beyond = await host.call('get_run_log', { run, offset: text.length + 100 })
    expect(beyond.data).toMatchObject({ text: '', more: false })

    const shown = await host.call('get_run', { run })
    expect(shown.data).toMatchObject({
      id: run,
      status: 'success',
      taskCount: 1,
      tasks: [{ name: 'show', code: 0 }],
    })
    const runs = await host.call('list_runs', { pipeline: 'deploy', limit: 1 })
    expect(runs.data).toMatchObject({ runs: [{ id: run }], next: run })
    const older = await host.call('list_runs', { pipeline: 'deploy', limit: 1, cursor: run })
    expect((older.data.runs as { id: string }[])[0]?.id).not.toBe(run)
    const found = async (filter: object) =>
      (await host.call('list_runs', { pipeline: 'deploy', ...filter })).data.runs as { id: string }[]
    const last = { status: 'success', by: 'OPEN', since: '1h', limit: 1 }
    expect(await found(last)).toMatchObject([{ id: run, triggeredBy: 'open' }])
    for (const none of [{ by: 'schedule' }, { until: '1h' }, { status: 'failed' }]) {
      expect(await found({ ...last, ...none })).toEqual([])
    }
  })

  test('a run is stopped once, and both are on record', async () => {
    const { data } = await host.call('run_pipeline', { name: 'sleep' })
    expect(data).toMatchObject({ ended: false })
    const { id: run } = data.run as { id: string }
    expect((await host.call('stop_run', { run })).data).toEqual({ run, stopping: true })
    const deadline = Date.now() + 15_000
    let status = ''
    while (status !== 'stopped' && Date.now() < deadline) {
      status = String((await host.call('get_run', { run })).data.status)
    }
    expect(status).toBe('stopped')
    const again = await host.call('stop_run', { run })
    expect(again).toMatchObject({ isError: true, text: 'conflict: the run has ended already (stopped)' })
    const entries = (await audited()).filter(({ target }) => target === run)
    expect(entries.map(({ action }) => action)).toEqual(['run.stop', 'run.start'])
    expect(entries[0]?.credential).toEqual({ kind: 'none', id: null })
  })

  test('who waits for a run is answered when the time is over, and the run goes on', async () => {
    const { data } = await host.call('run_pipeline', { name: 'sleep', waitSeconds: 1 })
    expect(data).toMatchObject({ ended: false, run: { status: 'running' } })
    await host.call('stop_run', { run: (data.run as { id: string }).id })
  })
})

describe('an impossible request is an error of the tool', () => {
  const rows: [name: string, tool: string, args: Record<string, unknown>, has: string][] = [
    ['no such pipeline', 'get_pipeline', { name: 'nothing' }, 'not_found: pipeline nothing not found'],
    [
      'a misspelt pipeline, with the nearest',
      'get_pipeline',
      { name: 'deplyo' },
      'hint: did you mean deploy?',
    ],
    ['no such pipeline to run', 'run_pipeline', { name: 'nothing' }, 'not_found: pipeline nothing not found'],
    ['no such run', 'get_run', { run: `run_${'0'.repeat(32)}` }, 'not_found: run not found'],
    ['no such run to stop', 'stop_run', { run: `run_${'0'.repeat(32)}` }, 'not_found: run not found'],
    ['no such run to read', 'get_run_log', { run: `run_${'0'.repeat(32)}` }, 'not_found: run not found'],
    [
      'secrets of no pipeline',
      'list_secrets',
      { pipeline: 'nothing' },
      'not_found: pipeline nothing not found',
    ],
    ['a misspelt argument', 'run_pipeline', { name: 'deploy', arg: ['a'] }, 'arg'],
    ['a missing argument', 'run_pipeline', {}, 'name'],
    ['no ID of a run', 'get_run', { run: '../runs' }, 'not the ID of a run'],
    ['a page that is too large', 'list_runs', { limit: 101 }, 'limit'],
    ['a time that nobody can read', 'list_runs', { since: 'soon' }, 'since takes an age such as 24h'],
    ['a part of a page', 'list_runs', { limit: 1.5 }, 'limit'],
    [
      'a log page that is too large',
      'get_run_log',
      { run: `run_${'0'.repeat(32)}`, maxChars: 1e6 },
      'maxChars',
    ],
    ['a wait that is too long', 'run_pipeline', { name: 'deploy', waitSeconds: 301 }, 'waitSeconds'],
    ['too many arguments', 'run_pipeline', { name: 'deploy', args: Array(101).fill('a') }, 'args'],
  ]
  test.each(rows)('%s', async (_name, tool, args, has) => {
    const answer = await host.call(tool, args)
    expect(answer).toMatchObject({ isError: true })
    expect(answer.text).toContain(has)
  })

  test('no such tool is an error of the protocol', async () => {
    await expect(host.call('rm_everything')).rejects.toThrow('rm_everything not found')
  })

  test('a defect of ours is logged with its place, and not told', async () => {
    // A tool asks the database, which is a part that can break.
    const broken = await startServer()
    const other = await connectHost(`${broken.url}/mcp`)
    const { databasePath } = await import('../../../src/server/db/database-files.ts')
    const { Database } = await import('bun:sqlite')
    const database = new Database(databasePath(broken.dataDir))
    database.run('DROP TABLE pipelines')
    database.close()
    expect(await other.call('list_pipelines')).toMatchObject({
      isError: true,
      text: 'the server failed; its log says more',
    })
    expect(broken.log()).toContain('"message":"defect"')
    await other.close()
    await broken.stop()
  })
})
