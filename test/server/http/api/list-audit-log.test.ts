/** Audit entries that API calls and logins write, and the pages of `GET /api/audit`. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { checkData } from '../../../../src/server/administration/open-data-folder.ts'
import { Secret } from '../../../../src/redact/secret.ts'
import { startServer } from '../../../support/servers/test-server.ts'
import { type Company, openCompany, SCRIPT } from '../company.ts'

const CANARY = 'canary-5e1f-value'
let company: Company

interface Entry {
  id: string
  at: string
  actor: string
  action: string
  target: string | null
  outcome: string
  address: string
  credential: { kind: string; id: string | null } | null
  details: Record<string, unknown>
}

async function entries(query = ''): Promise<Entry[]> {
  const answer = await company.ask('ada', 'GET', `/api/audit?limit=500${query}`)
  expect(answer.status).toBe(200)
  return (JSON.parse(answer.text) as { items: Entry[] }).items
}

beforeAll(async () => {
  company = await openCompany()
})
afterAll(() => company.stop())

describe('S117: what is recorded', () => {
  test('what people do to pipelines, secrets, runs, tokens and runners, by whom and from where', async () => {
    const body = { source: SCRIPT('hello'), filename: 'p.ts', secrets: { KEY: CANARY }, rbac: 'true' }
    await company.ask('ada', 'PUT', '/api/pipelines/p', { body })
    await company.ask('ada', 'PUT', '/api/secrets/GLOBAL', { body: { value: CANARY } })
    await company.ask('ada', 'DELETE', '/api/secrets/GLOBAL')
    const run = await company.ask('ada', 'POST', '/api/pipelines/p/run', { body: { args: [CANARY] } })
    const { run_id: runId } = JSON.parse(run.text) as { run_id: string }
    await company.ask('ada', 'GET', `/api/runs/${runId}/events`)
    const wish = { name: 'ci', scopes: ['runs:read'], allPipelines: true }
    const token = JSON.parse(
      (await company.ask('ada', 'POST', '/api/auth/cli-tokens', { body: wish })).text,
    ) as {
      id: string
    }
    await company.ask('ada', 'DELETE', `/api/auth/cli-tokens/${token.id}`)
    await company.ask('ada', 'DELETE', '/api/pipelines/p')

    const recorded = (await entries()).filter(({ actor }) => actor.startsWith('local:')).toReversed()
    const [login, ...rest] = recorded.filter(({ action }) => action !== 'consent')
    expect(login).toMatchObject({ action: 'login', outcome: 'ok' })
    expect(rest.map(({ action, target }) => [action, target])).toEqual([
      ['pipeline.set', 'p'],
      ['secret.set', 'GLOBAL'],
      ['secret.rm', 'GLOBAL'],
      ['run.start', runId],
      ['token.create', token.id],
      ['token.revoke', token.id],
      ['pipeline.rm', 'p'],
    ])
    expect(rest[0]).toMatchObject({
      actor: expect.stringMatching(/^local:[0-9a-f]{32}$/),
      address: '127.0.0.1',
      credential: { kind: 'jwt', id: expect.stringMatching(/.{16}/) },
      details: { created: true, rule: 'true', secrets: 'KEY' },
    })
  })

  test('a login that was refused: whose account was tried, and never what was typed', async () => {
    for (const email of ['ada@company.com', `${CANARY}@company.com`]) {
      const answer = await company.ask(undefined, 'POST', '/api/auth/login', {
        body: { email, password: `${CANARY}-password` },
      })
      expect(answer.status).toBe(401)
    }
    const [{ actor: ada } = { actor: '' }] = await entries('&outcome=ok&action=login')
    const refused = await entries('&outcome=refused&action=login')
    expect(refused.map(({ actor, target }) => [actor, target])).toEqual([
      ['anonymous', null],
      ['anonymous', ada],
    ])
    // Where somebody can see it: in the log of the account's own tenant.
    const body = { email: 'eve@company.com', password: `${CANARY}-password` }
    await company.ask(undefined, 'POST', '/api/auth/login', { body })
    const answer = await company.ask('eve', 'GET', '/api/audit?outcome=refused&action=login')
    const { items } = JSON.parse(answer.text) as { items: Entry[] }
    expect(items.map(({ target }) => target)).toEqual([expect.stringMatching(/^local:[0-9a-f]{32}$/)])
    expect((await entries('&outcome=refused&action=login')).length).toBe(2)
  })

  test('a wrong name or password of Basic, likewise', async () => {
    const password = new Secret('secret123')
    const server = await startServer({ strategy: { kind: 'basic', username: 'admin', password } })
    const ask = (pair: string) =>
      fetch(`${server.url}/api/audit?action=login`, { headers: { authorization: `Basic ${btoa(pair)}` } })
    try {
      for (const pair of ['admin:canary', 'canary:secret123']) expect((await ask(pair)).status).toBe(401)
      const text = await (await ask('admin:secret123')).text()
      const { items } = JSON.parse(text) as { items: Entry[] }
      expect(items.map(({ outcome, target }) => [outcome, target])).toEqual([
        ['refused', null],
        ['refused', 'basic:admin'],
      ])
      expect(text).not.toContain('canary')
    } finally {
      await server.stop()
    }
  })

  test('no secret, in the log or in the file of the database', async () => {
    expect(JSON.stringify(await entries())).not.toContain('canary')
    const { dataDir } = company.server
    for (const name of readdirSync(dataDir).filter((file) => file.startsWith('fob.db'))) {
      expect(readFileSync(join(dataDir, name)).includes(CANARY)).toBe(false)
    }
  })
})

describe('GET /api/audit', () => {
  test.each([
    ['bob', 403],
    ['eve', 200],
    [undefined, 401],
  ] as const)('answers %s with %d', async (who, status) => {
    expect((await company.ask(who, 'GET', '/api/audit')).status).toBe(status)
  })

  test('refuses a token of an administrator that was narrowed to less', async () => {
    const wish = { name: 'ci', scopes: ['runs:read'], allPipelines: true }
    const made = await company.ask('ada', 'POST', '/api/auth/cli-tokens', { body: wish })
    const { token } = JSON.parse(made.text) as { token: string }
    const headers = { authorization: `Bearer ${token}` }
    expect((await company.ask(undefined, 'GET', '/api/audit', { headers })).status).toBe(403)
  })

  test('shows a tenant its own entries alone', async () => {
    const { text } = await company.ask('eve', 'GET', '/api/audit')
    expect(text).not.toContain('GLOBAL')
    const page = JSON.parse(text) as { items: Entry[] }
    expect(page.items.map(({ action }) => action)).toContain('login')
  })

  test('comes in pages, newest first', async () => {
    const all = await entries()
    const seen: string[] = []
    let cursor = ''
    for (let i = 0; i < 50; i++) {
      const answer = await company.ask('ada', 'GET', `/api/audit?limit=3${cursor}`)
      const page = JSON.parse(answer.text) as { items: Entry[]; next: string | null }
      seen.push(...page.items.map(({ id }) => id))
      if (page.next === null) break
      cursor = `&cursor=${page.next}`
    }
    // What was recorded since then (nothing) stands before; the order is that of the numbers.
    expect(seen).toEqual(all.map(({ id }) => id))
    expect(seen.map(Number)).toEqual(seen.map(Number).toSorted((a, b) => b - a))
  })

  test.each(['outcome=maybe', 'since=yesterday', 'cursor=x', 'limit=0'])('refuses ?%s', async (query) => {
    expect((await company.ask('ada', 'GET', `/api/audit?${query}`)).status).toBe(400)
  })

  test('has no way to change anything', async () => {
    for (const method of ['POST', 'PUT', 'DELETE']) {
      expect((await company.ask('ada', method, '/api/audit', { body: {} })).status).toBe(405)
    }
  })
})

test('after all of it, the chain is whole', async () => {
  const findings = await checkData(company.server.dataDir)
  expect(findings.map(({ check, problem }) => [check, problem])).toEqual([
    ['format', undefined],
    ['integrity', undefined],
    ['references', undefined],
    ['audit log', undefined],
    ['triggers', undefined],
  ])
})
