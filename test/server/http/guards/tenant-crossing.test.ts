/** No route reaches data of another tenant; `X-Tenant` chooses among the caller's memberships. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { ROUTES } from '../../../../src/server/http/routes.ts'
import { type Company, openCompany, SCRIPT } from '../company.ts'

/** Everything that only the tenant default has; none of it may be seen from acme. */
const marks: Record<string, string> = {
  source: 'words-of-default',
  secret: 'OF_DEFAULT',
  email: 'bob@company.com',
}

let company: Company
let before: string
let cookie: string

const READ = ['/api/pipelines', '/api/pipelines/deploy', '/api/runs', '/api/secrets', '/api/runners']
/** All that the tenant default says about itself, but for what merely reading changes. */
async function stateOfDefault(): Promise<string> {
  const answers = await Promise.all(
    [...READ, '/api/auth/cli-tokens'].map((path) => company.ask('ada', 'GET', path)),
  )
  return answers.map(({ status, text }) => `${status} ${text}`).join('\n')
}

const idOf = (text: string, key = 'id') => (JSON.parse(text) as Record<string, string>)[key] ?? ''

beforeAll(async () => {
  company = await openCompany()
  const body = { source: SCRIPT('words-of-default'), filename: 'deploy.ts' }
  marks.pipeline = idOf((await company.ask('ada', 'PUT', '/api/pipelines/deploy', { body })).text)
  await company.ask('ada', 'PUT', '/api/secrets/OF_DEFAULT', { body: { value: 'some-value' } })
  const run = await company.ask('ada', 'POST', '/api/pipelines/deploy/run', { body: {} })
  marks.run = idOf(run.text, 'run_id')
  await company.ask('ada', 'GET', `/api/runs/${marks.run}/events`)
  const runner = await company.ask('ada', 'POST', '/api/runners', { body: { name: 'runner-of-default' } })
  marks.runner = idOf(runner.text)
  const wish = { name: 'token-of-default', scopes: ['runs:read'], allPipelines: true }
  marks.token = idOf((await company.ask('ada', 'POST', '/api/auth/cli-tokens', { body: wish })).text)
  before = await stateOfDefault()
  for (const id of Object.values(marks)) expect(id).toMatch(/^.{8,}$/)
  // A browser of eve's, whose cookies the pages below get.
  const { browser, page } = await company.browse('eve', '/settings/tenants')
  expect(page.html).toContain('Acme Labs')
  cookie = browser.cookies(new URL(company.server.url))
})
afterAll(() => company.stop())

/** The path with the names and IDs that really exist in the other tenant. */
function pathOf(path: string): string {
  const id = /^(?:\/api)?\/runs/.test(path)
    ? marks.run
    : path.startsWith('/api/runners')
      ? marks.runner
      : marks.token
  return path
    .replace(':name', 'deploy')
    .replace(':pipeline', 'deploy')
    .replace(':key', 'OF_DEFAULT')
    .replace(':id', id ?? '')
    .replace(':uid', 'x')
}

const expectNothingOfDefault = (text: string, except: string[] = []) => {
  for (const [what, mark] of Object.entries(marks)) {
    if (!except.includes(what)) expect({ what, found: text.includes(mark) }).toEqual({ what, found: false })
  }
}

describe('a stranger of another tenant', () => {
  // Eve administers acme and has every scope; what she makes there is hers, whatever its name.
  test.each([...ROUTES])('$method $path shows and changes nothing', async ({ method, path, guard }) => {
    const target = pathOf(path)
    const body = method === 'GET' || method === 'DELETE' ? {} : { body: bodyFor(path) }
    // Her own logout would end the walk.
    const who = path === '/api/auth/logout' ? undefined : 'eve'
    const own = await company.ask(who, method, target, body)
    expectNothingOfDefault(own.text)
    const [above, below] = [await company.ask(who, method, target, { ...body, tenant: 'default' }), own]
    expectNothingOfDefault(above.text)
    const isPage = guard === 'session' || guard.startsWith('page:')
    const others = ['none', 'protocol', 'interaction', 'runner', 'service-key', 'signature']
    const byCredential = !isPage && !others.includes(guard)
    if (byCredential) {
      expect(above.status).toBe(403)
      expect(above.text).toContain('"tenants":["acme"]')
      // What is there in the other tenant alone is not there at all.
      if (/:id/.test(path)) expect(below.status).toBe(404)
    }
    if (isPage) {
      const own = await company.ask(undefined, 'GET', target, { headers: { cookie } })
      expectNothingOfDefault(own.text)
      const page = await company.ask(undefined, 'GET', `${target}?tenant=default`, { headers: { cookie } })
      expectNothingOfDefault(page.text)
      if (path !== '/auth/logout' && method === 'GET') expect(page.status).toBe(403)
      if (/:(id|name)/.test(path) && method === 'GET') expect(own.status).toBe(404)
    }
  })

  test('and after all of it, the other tenant is as it was', async () => {
    expect(await stateOfDefault()).toBe(before)
  })

  test('what is made under a name of the other tenant is another thing', async () => {
    expect((await company.ask('eve', 'GET', '/api/pipelines/deploy')).status).toBe(404)
    const body = { source: SCRIPT('words of acme'), filename: 'deploy.ts' }
    expect((await company.ask('eve', 'PUT', '/api/pipelines/deploy', { body })).status).toBe(201)
    expect(await stateOfDefault()).toBe(before)
  })
})

function bodyFor(path: string): unknown {
  if (path === '/api/pipelines/:name') return { source: SCRIPT('words of acme'), filename: 'deploy.ts' }
  if (path.endsWith('/webhook')) return { provider: 'github' }
  if (path.startsWith('/api/secrets')) return { value: 'another-value' }
  if (path.startsWith('/api/runners')) return { name: path.replaceAll('/', ' ').trim() }
  return {}
}

/** Where mia is when she names a tenant, or none. */
const at = async (tenant?: string) => {
  const { text } = await company.ask('mia', 'GET', '/api/v1/profile', tenant === undefined ? {} : { tenant })
  const { tenant: slug, role } = JSON.parse(text) as { tenant: string; role: string }
  return [slug, role]
}

describe('S225: X-Tenant', () => {
  test('chooses among the memberships of the caller, with the role there', async () => {
    expect(await at()).toEqual(['default', 'member'])
    expect(await at('default')).toEqual(['default', 'member'])
    expect(await at('acme')).toEqual(['acme', 'viewer'])
  })

  test('of a tenant where the caller only reads, lets nothing be changed', async () => {
    const secret = { body: { value: 'some-value' } }
    expect((await company.ask('mia', 'PUT', '/api/secrets/K', secret)).status).toBe(204)
    expect((await company.ask('mia', 'PUT', '/api/secrets/K', { ...secret, tenant: 'acme' })).status).toBe(
      403,
    )
    expect((await company.ask('mia', 'GET', '/api/secrets', { tenant: 'acme' })).text).not.toContain('"K"')
  })

  test.each(['nowhere', 'DEFAULT', 'acme ', 'acme,default', '../default', ''])(
    '%j is refused with 403 and the list of what would do',
    async (tenant) => {
      const answer = await company.ask('eve', 'GET', '/api/pipelines', {
        tenant: tenant === '' ? '%' : tenant,
      })
      if (tenant.trim() === 'acme') return expect(answer.status).toBe(200)
      expect(answer.status).toBe(403)
      expect(JSON.parse(answer.text)).toMatchObject({ error: 'unknown_tenant', tenants: ['acme'] })
    },
  )

  test('sent twice names no tenant', async () => {
    const headers = new Headers()
    headers.append('x-tenant', 'acme')
    headers.append('x-tenant', 'default')
    const twice = Object.fromEntries(headers)
    expect((await company.ask('eve', 'GET', '/api/pipelines', { headers: twice })).status).toBe(403)
  })

  test('does not move a token that was made in one tenant', async () => {
    const wish = { name: 'of default', scopes: ['pipelines:read'], allPipelines: true }
    const made = await company.ask('mia', 'POST', '/api/auth/cli-tokens', { body: wish })
    const headers = { authorization: `Bearer ${idOf(made.text, 'token')}` }
    expect((await company.ask(undefined, 'GET', '/api/pipelines', { headers })).status).toBe(200)
    const moved = await company.ask(undefined, 'GET', '/api/pipelines', { headers, tenant: 'acme' })
    expect([moved.status, moved.text]).toEqual([403, expect.stringContaining('"tenants":["default"]')])
  })
})

describe('S227: GET /api/v1/tenants', () => {
  test('lists the memberships of the caller, and which one counts', async () => {
    const { text } = await company.ask('mia', 'GET', '/api/v1/tenants', { tenant: 'acme' })
    expect(JSON.parse(text)).toEqual({
      items: [
        {
          id: expect.stringMatching(/^ten_/),
          slug: 'acme',
          name: 'Acme Labs',
          role: 'viewer',
          current: true,
        },
        {
          id: expect.stringMatching(/^ten_/),
          slug: 'default',
          name: 'Default',
          role: 'member',
          current: false,
        },
      ],
      next: null,
    })
    const eves = JSON.parse((await company.ask('eve', 'GET', '/api/v1/tenants')).text) as { items: unknown[] }
    expect(eves.items).toEqual([expect.objectContaining({ slug: 'acme', role: 'admin', current: true })])
  })
})
