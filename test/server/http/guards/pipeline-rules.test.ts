/** Access rules of pipelines and of the server: who sees what, changes of a user, and rules that are not valid. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { Secret } from '../../../../src/redact/secret.ts'
import { readSettings } from '../../../../src/server/settings/settings.ts'
import { startServer } from '../../../support/servers/test-server.ts'
import { type Company, openCompany, type Person, SCRIPT } from '../company.ts'

let company: Company
const body = (rbac?: string) => ({
  source: SCRIPT('marker-of-the-hidden'),
  filename: 'p.ts',
  ...(rbac === undefined ? {} : { rbac }),
})
const put = (who: Person, name: string, rbac?: string) =>
  company.ask(who, 'PUT', `/api/pipelines/${name}`, { body: body(rbac) })
const names = async (who: Person, path: string) => (await company.ask(who, 'GET', path)).text

describe('S10: a rule on a pipeline', () => {
  let runId: string

  beforeAll(async () => {
    company = await openCompany()
    await company.setGroups('ada', { organizations: ['myorg'] })
    expect((await put('ada', 'open')).status).toBe(201)
    expect((await put('ada', 'hidden', '"myorg" in Organizations && Provider == "local"')).status).toBe(201)
    const secret = { body: { value: 'some-secret-value' } }
    expect((await company.ask('ada', 'PUT', '/api/secrets/OF_HIDDEN?pipeline=hidden', secret)).status).toBe(
      204,
    )
    const started = await company.ask('ada', 'POST', '/api/pipelines/hidden/run', { body: {} })
    runId = (JSON.parse(started.text) as { run_id: string }).run_id
    const events = await company.ask('ada', 'GET', `/api/runs/${runId}/events`)
    expect(events.text).toContain('marker-of-the-hidden')
  })
  afterAll(() => company.stop())

  test('is shown to whom it lets in, and to nobody else', async () => {
    const { text } = await company.ask('ada', 'GET', '/api/pipelines/hidden')
    expect(JSON.parse(text)).toMatchObject({ rbac: '"myorg" in Organizations && Provider == "local"' })
    expect(JSON.parse((await company.ask('ada', 'GET', '/api/pipelines/open')).text)).toMatchObject({
      rbac: null,
    })
  })

  test('that hides a pipeline from who sets it is said, and any other is not', async () => {
    const lost = JSON.parse((await put('ada', 'unseen', 'Provider == "github"')).text) as object
    expect(lost).toMatchObject({ name: 'unseen', hiddenFromYou: true })
    expect((await company.ask('ada', 'GET', '/api/pipelines/unseen')).status).toBe(404)
    expect(JSON.parse((await put('ada', 'seen', 'Provider == "local"')).text)).not.toHaveProperty(
      'hiddenFromYou',
    )
    expect((await company.ask('ada', 'DELETE', '/api/pipelines/seen')).status).toBe(204)
  })

  const behind: [method: string, path: () => string, body?: unknown][] = [
    ['GET', () => '/api/pipelines/hidden'],
    ['PUT', () => '/api/pipelines/hidden', body()],
    ['DELETE', () => '/api/pipelines/hidden'],
    ['POST', () => '/api/pipelines/hidden/run', {}],
    ['GET', () => `/api/runs/${runId}`],
    ['GET', () => `/api/runs/${runId}/events`],
    ['POST', () => `/api/runs/${runId}/stop`],
    ['GET', () => '/api/secrets?pipeline=hidden'],
    ['PUT', () => '/api/secrets/KEY?pipeline=hidden', { value: 'some-value' }],
    ['DELETE', () => '/api/secrets/OF_HIDDEN?pipeline=hidden'],
  ]
  test.each(
    behind.map(([method, path, sent]) => ({
      name: `${method} ${path.toString().replace(/^.*?=>/, '')}`,
      method,
      path,
      options: sent === undefined ? {} : { body: sent },
    })),
  )('$name is answered with 404, as if there were nothing', async ({ method, path, options }) => {
    const answer = await company.ask('bob', method, path(), options)
    expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 404 })
    if (method === 'PUT' && path().startsWith('/api/pipelines')) return
    const missing = await company.ask('bob', method, path().replace(/hidden|run_\w+/, 'nothing'), options)
    // The name is repeated as it was sent, and nothing else differs.
    expect(missing.text.replaceAll('nothing', 'hidden')).toBe(answer.text)
  })

  test('a near miss of what it hides suggests it to those who see it alone', async () => {
    expect(await names('ada', '/api/pipelines/hiden')).toContain('did you mean hidden?')
    const text = await names('bob', '/api/pipelines/hiden')
    expect(text).toContain('pipeline hiden not found')
    expect(text).not.toContain('hidden')
  })

  test('lists leave out what it hides', async () => {
    for (const path of ['/api/pipelines', '/api/runs', '/api/runs?pipeline=hidden', '/api/secrets']) {
      expect(await names('ada', path)).toContain(path === '/api/secrets' ? 'OF_HIDDEN' : 'hidden')
      const text = await names('bob', path)
      for (const part of ['hidden', 'OF_HIDDEN', runId]) expect(text).not.toContain(part)
    }
    expect(await names('bob', '/api/pipelines')).toContain('open')
  })

  test('R5: follows the record of the user from one request to the next', async () => {
    await company.setGroups('bob', { organizations: ['myorg'] })
    expect((await company.ask('bob', 'GET', '/api/pipelines/hidden')).status).toBe(200)
    await company.setGroups('bob', { organizations: [] })
    expect((await company.ask('bob', 'GET', '/api/pipelines/hidden')).status).toBe(404)
  })

  test('that is none is refused with its place, and the pipeline stays as it was', async () => {
    const answer = await put('ada', 'hidden', 'Emial endsWith "@company.com"')
    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.text)).toMatchObject({
      error: 'usage',
      message: 'the rule has an error at column 1: "Emial" is not known',
      hint: 'did you mean Email?',
    })
    expect((await put('ada', 'fresh', 'true &&')).status).toBe(400)
    expect((await company.ask('ada', 'GET', '/api/pipelines/fresh')).status).toBe(404)
    expect(await names('ada', '/api/pipelines/hidden')).toContain('myorg')
  })

  test('stays when the pipeline is uploaded again without one', async () => {
    expect((await put('ada', 'hidden')).status).toBe(200)
    expect((await company.ask('bob', 'GET', '/api/pipelines/hidden')).status).toBe(404)
  })

  test('goes with the empty rule', async () => {
    await put('ada', 'passing', 'Email startsWith "ada@"')
    expect((await company.ask('bob', 'GET', '/api/pipelines/passing')).status).toBe(404)
    expect((await put('ada', 'passing', '')).status).toBe(200)
    expect((await company.ask('bob', 'GET', '/api/pipelines/passing')).status).toBe(200)
  })

  test('that fits nobody hides the pipeline from an administrator too, who can still take it away', async () => {
    expect((await put('bob', 'lost', 'Email == "nobody"')).status).toBe(201)
    for (const who of ['ada', 'bob'] as const) {
      expect((await company.ask(who, 'GET', '/api/pipelines/lost')).status).toBe(404)
      expect((await company.ask(who, 'POST', '/api/pipelines/lost/run', { body: {} })).status).toBe(404)
    }
    expect((await put('bob', 'lost', '')).status).toBe(404)
    expect((await put('ada', 'lost', '')).status).toBe(200)
    expect((await company.ask('bob', 'GET', '/api/pipelines/lost')).status).toBe(200)
  })

  test('still hides the runs of a pipeline that was deleted', async () => {
    expect((await company.ask('bob', 'DELETE', '/api/pipelines/hidden')).status).toBe(404)
    expect((await company.ask('ada', 'DELETE', '/api/pipelines/hidden')).status).toBe(204)
    expect((await company.ask('ada', 'GET', `/api/runs/${runId}`)).status).toBe(200)
    expect((await company.ask('bob', 'GET', `/api/runs/${runId}`)).status).toBe(404)
    expect(await names('bob', '/api/runs')).not.toContain(runId)
  })
})

describe('S10: the rule of the server', () => {
  beforeAll(async () => {
    company = await openCompany({ rbac: '!("banned" in Groups) && Tenant == "default"' })
  })
  afterAll(() => company.stop())

  test('lets in, and keeps out with 403, whatever is asked for, from one request to the next', async () => {
    expect((await company.ask('bob', 'GET', '/api/v1/profile')).status).toBe(200)
    await company.setGroups('bob', { groups: ['banned'] })
    for (const path of ['/api/v1/profile', '/api/pipelines', '/api/v1/tenants', '/oauth/userinfo']) {
      const answer = await company.ask('bob', 'GET', path)
      expect([answer.status, answer.text]).toEqual([403, expect.stringContaining('not_admitted')])
    }
  })

  test('is asked in the tenant that the request names', async () => {
    expect((await company.ask('mia', 'GET', '/api/pipelines')).status).toBe(200)
    expect((await company.ask('mia', 'GET', '/api/pipelines', { tenant: 'acme' })).status).toBe(403)
  })

  test('holds on pages too', async () => {
    await company.setGroups('mia', { groups: ['banned'] })
    const { page } = await company.browse('mia', '/settings/tenants')
    expect(page.status).toBe(403)
    expect(page.html).toContain('does not let you in')
  })
})

describe('S9: rules need OAuth', () => {
  const basic = { 'basic-auth-username': 'a', 'basic-auth-password': 'b' }
  test.each([
    [basic, '--rbac and --basic-auth-username cannot both be set'],
    [{}, '--rbac needs OAuth'],
  ])('a server with %j does not start with one', (flags, message) => {
    expect(() => readSettings({ flags: { ...flags, rbac: 'true' }, env: {}, file: undefined })).toThrow(
      message,
    )
  })

  test('a server does not start with a rule that is none, and names the setting and the place', async () => {
    const start = openCompany({ rbac: 'Emial == "a"' })
    await expect(start).rejects.toThrow('--rbac: the rule has an error at column 1: "Emial" is not known')
  })

  test('Basic callers pass no rule that was set before, and callers of an open server pass them all', async () => {
    company = await openCompany()
    await put('ada', 'ruled', 'true')
    await company.stop()
    const { dataDir } = company.server
    const withBasic = await startServer({
      dataDir,
      strategy: { kind: 'basic', username: 'admin', password: new Secret('secret123') },
    })
    const headers = { authorization: `Basic ${btoa('admin:secret123')}` }
    expect((await fetch(`${withBasic.url}/api/pipelines/ruled`, { headers })).status).toBe(404)
    await withBasic.stop()
    const open = await startServer({ dataDir })
    expect((await fetch(`${open.url}/api/pipelines/ruled`)).status).toBe(200)
    await open.stop()
  })
})
