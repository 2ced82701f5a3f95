/** `GET /metrics`: who may read it, what it counts, and that it is OpenMetrics text. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { ALL_SCOPES } from '../../../src/contract/token-scopes.ts'
import { openMetrics } from '../../../src/server/metrics.ts'
import { readSettings } from '../../../src/server/settings/settings.ts'
import { ADA, BOB, startLocalWorld } from '../../support/servers/server-with-accounts.ts'
import { until } from '../../support/servers/json-client.ts'
import type { TestServer } from '../../support/servers/test-server.ts'

let server: TestServer
const tokens = new Map<string, string>()

async function ask(who: { email: string } | undefined, method: string, path: string, body?: unknown) {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: {
      'content-type': 'application/json',
      ...(who === undefined ? {} : { authorization: `Bearer ${tokens.get(who.email)}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

/** The value of a sample as Ada reads it; undefined where there is none. */
async function sample(name: string): Promise<number | undefined> {
  const { text } = await ask(ADA, 'GET', '/metrics')
  const line = text.split('\n').find((found) => found.startsWith(`${name} `))
  return line === undefined ? undefined : Number(line.slice(name.length + 1))
}

const isOpenWith = (flags: Record<string, string>) =>
  readSettings({ flags, env: {}, file: undefined }).metricsOpen
const device = () => ask(undefined, 'POST', '/oauth/device_authorization', {})

const statusWith = async (scopes: readonly string[]) => {
  const { text } = await ask(ADA, 'POST', '/api/auth/cli-tokens', {
    name: `t${scopes.length}`,
    scopes,
    allPipelines: true,
  })
  const { token } = JSON.parse(text) as { token: string }
  return (await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${token}` } })).status
}

beforeAll(async () => {
  server = await startLocalWorld()
  for (const person of [ADA, BOB]) {
    const { text } = await ask(undefined, 'POST', '/api/auth/login', person)
    tokens.set(person.email, (JSON.parse(text) as { token: string }).token)
  }
})
afterAll(() => server.stop())

describe('GET /metrics', () => {
  test('is for administrators of the server', async () => {
    expect((await ask(undefined, 'GET', '/metrics')).status).toBe(401)
    expect((await ask(BOB, 'GET', '/metrics')).status).toBe(403)
    const { status, headers } = await ask(ADA, 'GET', '/metrics')
    expect(status).toBe(200)
    expect(headers.get('content-type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8')
  })

  test('is for a token of an administrator with all scopes, and for none with fewer', async () => {
    expect(await statusWith(ALL_SCOPES)).toBe(200)
    expect(await statusWith(['runs:read'])).toBe(403)
  })

  test('is for anybody where a setting says so', () => {
    expect([isOpenWith({}), isOpenWith({ 'metrics-open': 'true' })]).toEqual([false, true])
  })

  test('counts requests by method and status, and nothing of their paths', async () => {
    const name = 'fob_requests_total{method="GET",status="404"}'
    const before = (await sample(name)) ?? 0
    await ask(ADA, 'GET', '/api/runs/run_of_nobody')
    await ask(ADA, 'GET', '/not-a-path-of-ours')
    expect(await sample(name)).toBe(before + 2)
    expect((await ask(ADA, 'GET', '/metrics')).text).not.toMatch(
      /run_of_nobody|not-a-path|127\.0\.0\.1|default/,
    )
  })

  test('counts runs, and has what the database did', async () => {
    const source = 'export const pipeline = async () => {}'
    expect((await ask(ADA, 'PUT', '/api/pipelines/p', { source, filename: 'p.ts' })).status).toBe(201)
    await ask(ADA, 'POST', '/api/pipelines/p/run', {})
    await until(
      () => sample('fob_runs_ended_total{status="success"}'),
      (ended) => ended === 1,
    )
    expect(await sample('fob_runs_started_total')).toBe(1)
    expect(
      await until(
        () => sample('fob_runs_in_progress'),
        (running) => running === 0,
      ),
    ).toBe(0)
    expect(await sample('fob_runs_waiting')).toBe(0)
    expect(await sample('fob_database_seconds_count{operation="transaction"}')).toBeGreaterThan(0)
  })

  test('counts refusals by their limit', async () => {
    await until(device, ({ status }) => status === 429)
    expect(await sample('fob_refusals_total{limit="device"}')).toBe(1)
  })
})

describe('the text', () => {
  const now = {
    version: 'a "quoted" \\ version',
    runsInProgress: 1,
    runsWaiting: 2,
    diskFull: true,
    diskFreeBytes: undefined,
    residentBytes: 3,
    startedAtSeconds: 4,
  }

  test('ends with # EOF, names each family once before its samples, and has cumulative buckets', () => {
    const metrics = openMetrics()
    metrics.took('vault', 'get', 0.0005)
    metrics.took('vault', 'get', 20)
    metrics.request('PROPFIND', 405, 0.3)
    metrics.runEnded('failed', 7)
    const text = metrics.text(now)
    expect(text.endsWith('# EOF\n')).toBe(true)
    const types = [...text.matchAll(/^# TYPE (\S+) (?:counter|gauge|histogram|info)$/gm)].map(
      ([, name]) => name,
    )
    expect(new Set(types).size).toBe(types.length)
    for (const line of text.split('\n').filter((found) => found !== '' && !found.startsWith('#'))) {
      expect(line).toMatch(
        /^[a-z_]+(?:\{[a-z]+="(?:[^"\\]|\\.)*"(?:,[a-z]+="(?:[^"\\]|\\.)*")*\})? [0-9.e+-]+$/,
      )
      expect(types.some((name) => line.startsWith(name ?? '?'))).toBe(true)
    }
    expect(text).toContain('fob_build_info{version="a \\"quoted\\" \\\\ version"} 1\n')
    expect(text).toContain('fob_vault_seconds_bucket{operation="get",le="0.001"} 1\n')
    expect(text).toContain('fob_vault_seconds_bucket{operation="get",le="10.0"} 1\n')
    expect(text).toContain('fob_vault_seconds_bucket{operation="get",le="+Inf"} 2\n')
    expect(text).toContain('fob_vault_seconds_count{operation="get"} 2\n')
    expect(text).toContain('fob_requests_total{method="other",status="405"} 1\n')
    expect(text).toContain('fob_redactions_total 7\n')
    expect(text).toContain('fob_disk_full 1\n')
  })
})
