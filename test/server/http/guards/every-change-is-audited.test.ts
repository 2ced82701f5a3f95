/** Every route that changes something writes an audit entry, or is listed with the reason why not. */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { systemClock } from '../../../../src/platform/clock.ts'
import { administer } from '../../../../src/server/administration/open-data-folder.ts'
import { openDatabase } from '../../../../src/server/db/open-database.ts'
import { auditEntries } from '../../../../src/server/db/schema.ts'
import { ROUTES } from '../../../../src/server/http/routes.ts'
import { databasePath } from '../../../../src/server/db/database-files.ts'
import { logIn } from '../../../support/servers/oauth-login.ts'
import { until } from '../../../support/servers/json-client.ts'
import { httpBrowser } from '../../../support/servers/http-browser.ts'
import { connectHost } from '../../../support/servers/mcp-client.ts'
import { githubHeaders } from '../../../support/servers/webhook-signer.ts'
import { type Company, openCompany, SCRIPT } from '../company.ts'

/** Every route that changes something, what it leaves in the audit log, and how it is made to. */

let company: Company
beforeAll(async () => {
  company = await openCompany()
})
afterAll(() => company.stop())

type Json = Record<string, string>
const ADA = { email: 'ada@company.com', password: 'correct horse battery' }

/** As Ada, in JSON; whatever does not succeed is a mistake of this table. */
async function ask(
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
): Promise<Json> {
  const who = headers === undefined ? 'ada' : undefined
  const answer = await company.ask(who, method, path, {
    ...(body === undefined ? {} : { body }),
    ...(headers === undefined ? {} : { headers }),
  })
  if (answer.status > 299) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`)
  return answer.text.startsWith('{') ? (JSON.parse(answer.text) as Json) : {}
}

async function post(path: string, fields: Json): Promise<Json> {
  const answer = await fetch(company.server.url + path, { method: 'POST', body: new URLSearchParams(fields) })
  return (await answer.json().catch(() => ({}))) as Json
}

/** On a page of Ada's: fills in the form with `button` on it. */
async function submit(path: string, button: string, fields: Json = {}): Promise<void> {
  const { browser, page } = await company.browse('ada', path)
  const after = await browser.submit(page, fields, button)
  if (after.status > 299) throw new Error(`${path}: ${after.status} ${after.html}`)
}

const setPipeline = () => ask('PUT', '/api/pipelines/p', { source: SCRIPT('x'), filename: 'p.ts' })
const startRun = async () => (await setPipeline(), ask('POST', '/api/pipelines/p/run', {}))
const startSlowRun = async () => {
  const source = `const pipeline = async () => { await runtime.run({ name: 't', command: { path: 'sleep', args: ['30'] } }) }
export { pipeline }`
  await ask('PUT', '/api/pipelines/slow', { source, filename: 'slow.ts' })
  return await ask('POST', '/api/pipelines/slow/run', {})
}
const setWebhook = async () => (
  await setPipeline(),
  await ask('PUT', '/api/pipelines/p/webhook', { provider: 'github' })
)
const makeToken = () =>
  ask('POST', '/api/auth/cli-tokens', { name: 'ci', scopes: ['runs:read'], allPipelines: true })
const makeRunner = () => ask('POST', '/api/runners', { name: `runner-${crypto.randomUUID()}` })
const logInByApi = () => ask('POST', '/api/auth/login', ADA, {})
const deviceCode = () => post('/oauth/device_authorization', { client_id: 'fob-cli' })
const begin = () => {
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: 'fob-cli',
    redirect_uri: 'http://127.0.0.1:8765/callback',
    state: 's'.repeat(22),
    code_challenge: createHash('sha256').update('v'.repeat(43)).digest('base64url'),
    code_challenge_method: 'S256',
  })
  return `${company.server.url}/oauth/authorize?${query.toString()}`
}

async function sessionCookie(): Promise<string> {
  const { browser } = await company.browse('ada', '/settings/sessions')
  return browser.cookies(new URL(company.server.url))
}

async function serviceKey(): Promise<string> {
  return administer({ dataDir: company.server.dataDir, clock: systemClock }, async (data) => {
    const made = data.serviceKeys.create({
      tenant: undefined,
      name: 'ci',
      scopes: ['runs:read'],
      pipelines: null,
    })
    return made.value.reveal()
  })
}

const RECORDED: Record<string, [action: string, act: () => Promise<unknown>]> = {
  'POST /oauth/register': [
    'client.register',
    () => ask('POST', '/oauth/register', { redirect_uris: ['http://127.0.0.1:1/'] }, {}),
  ],
  'POST /oauth/revoke': [
    'token.revoke',
    async () =>
      post('/oauth/revoke', {
        client_id: 'fob-cli',
        token: (await logIn(company.server.url, ADA)).access_token,
      }),
  ],
  'POST /auth/device': [
    'device.deny',
    async () => {
      const browser = httpBrowser()
      const enter = await browser.open((await deviceCode()).verification_uri_complete ?? '')
      await browser.submit(
        await browser.submit(enter, { user_code: /value="([A-Z]{4}-[A-Z]{4})"/.exec(enter.html)?.[1] ?? '' }),
        {},
        'Cancel',
      )
    },
  ],
  'POST /auth/logout': ['logout', () => submit('/settings/sessions', 'Sign out')],
  'POST /settings/sessions': [
    'session.end',
    async () => {
      await company.browse('ada', '/settings/sessions')
      await submit('/settings/sessions', 'Sign out all other browsers')
    },
  ],
  'POST /settings/password': [
    'user.passwd',
    async () => {
      const { browser, page } = await company.browse('mia', '/settings/password')
      const words = { current: ADA.password, password: 'another password', again: 'another password' }
      await browser.submit(page, words, 'Change password')
    },
  ],
  'PUT /api/auth/password': [
    'user.passwd',
    async () => {
      const [current, password] = [ADA.password, 'another password']
      await ask('PUT', '/api/auth/password', { current, password })
      await ask('PUT', '/api/auth/password', { current: password, password: current })
    },
  ],
  'POST /auth/login/:uid': [
    'login',
    async () =>
      httpBrowser()
        .open(begin())
        .then((page) => logInOn(page.url.href)),
  ],
  'POST /auth/consent/:uid': ['consent', () => logIn(company.server.url, ADA)],
  'POST /api/auth/login': ['login', logInByApi],
  'POST /api/auth/token': [
    'login',
    async () => ask('POST', '/api/auth/token', {}, { cookie: await sessionCookie() }),
  ],
  'POST /api/auth/logout': [
    'logout',
    async () => ask('POST', '/api/auth/logout', { refreshToken: (await logInByApi()).refreshToken }, {}),
  ],
  'POST /secrets': [
    'secret.set',
    () => submit('/secrets', 'Set secret', { key: 'BY_PAGE', value: 'a value', pipeline: '' }),
  ],
  'POST /settings/tenants': [
    'tenant.add',
    () => submit('/settings/tenants', 'Add tenant', { slug: 'new-one', name: '' }),
  ],
  'POST /settings/members': [
    'member.set',
    () => submit('/settings/members', 'Add member', { user: 'eve@company.com', role: 'viewer' }),
  ],
  'POST /api/invitations': ['invitation.create', () => ask('POST', '/api/invitations', {})],
  'DELETE /api/invitations/:id': [
    'invitation.revoke',
    async () => ask('DELETE', `/api/invitations/${(await ask('POST', '/api/invitations', {})).id}`),
  ],
  'POST /settings/invitations': [
    'invitation.create',
    () => submit('/settings/members', 'Create invitation', { email: '', role: 'viewer', days: '1' }),
  ],
  'POST /invitation/accept': [
    'invitation.accept',
    async () => {
      const made = await company.ask('eve', 'POST', '/api/invitations', { body: {} })
      const { url = '' } = JSON.parse(made.text) as Json
      const { browser } = await company.browse('bob', '/settings/tenants')
      const open = await browser.open(url)
      await browser.submit(await browser.submit(open, { secret: url }, 'Open'), {}, 'Accept as')
    },
  ],
  'POST /invitation/account': [
    'invitation.accept',
    async () => {
      const { url = '' } = await ask('POST', '/api/invitations', { email: 'new@company.com' })
      const browser = httpBrowser()
      const invitation = await browser.submit(await browser.open(url), { secret: url }, 'Open')
      const words = { password: 'a password of mine', again: 'a password of mine' }
      await browser.submit(invitation, words, 'Accept and create')
    },
  ],
  'PUT /api/members/:who': [
    'member.set',
    () => ask('PUT', '/api/members/someone%40example.com', { role: 'viewer' }),
  ],
  'DELETE /api/members/:who': [
    'member.rm',
    async () => {
      await ask('PUT', '/api/members/github%3Aoctocat', {})
      await ask('DELETE', '/api/members/github%3Aoctocat')
    },
  ],
  'POST /settings/tokens/new': [
    'token.create',
    () =>
      submit('/settings/tokens/new', 'Generate token', {
        name: 'x',
        scope: 'runs:read',
        which: 'all',
        expires: '7',
      }),
  ],
  'POST /settings/tokens/revoke': [
    'token.revoke',
    async () => {
      await makeToken()
      await submit('/settings/tokens', 'Revoke')
    },
  ],
  'POST /api/auth/cli-tokens': ['token.create', makeToken],
  'DELETE /api/auth/cli-tokens/current': [
    'token.revoke',
    async () => {
      const { token } = await makeToken()
      await ask('DELETE', '/api/auth/cli-tokens/current', undefined, { authorization: `Bearer ${token}` })
    },
  ],
  'DELETE /api/auth/cli-tokens/:id': [
    'token.revoke',
    async () => ask('DELETE', `/api/auth/cli-tokens/${(await makeToken()).id}`),
  ],
  'POST /api/auth/service-token': [
    'service-token.create',
    async () => ask('POST', '/api/auth/service-token', {}, { 'x-service-key': await serviceKey() }),
  ],
  'POST /api/auth/download-token': [
    'download-token.create',
    () => ask('POST', '/api/auth/download-token', { path: '/api/runners/install.sh' }),
  ],
  'POST /api/runners': ['runner.create', makeRunner],
  'PUT /api/runners/:id': [
    'runner.rename',
    async () =>
      ask('PUT', `/api/runners/${(await makeRunner()).id}`, { name: `other-${crypto.randomUUID()}` }),
  ],
  'DELETE /api/runners/:id': [
    'runner.rm',
    async () => ask('DELETE', `/api/runners/${(await makeRunner()).id}`),
  ],
  'POST /api/runners/:id/regenerate': [
    'runner.regenerate',
    async () => ask('POST', `/api/runners/${(await makeRunner()).id}/regenerate`),
  ],
  'PUT /api/pipelines/:name': ['pipeline.set', setPipeline],
  'DELETE /api/pipelines/:name': [
    'pipeline.rm',
    async () => (await setPipeline(), ask('DELETE', '/api/pipelines/p')),
  ],
  'POST /api/pipelines/:name/run': ['run.start', startRun],
  'POST /api/runs/:id/stop': [
    'run.stop',
    async () => ask('POST', `/api/runs/${(await startSlowRun()).run_id}/stop`, {}),
  ],
  'POST /api/pipelines/:name/pause': [
    'pipeline.pause',
    async () => {
      await setPipeline()
      await ask('POST', '/api/pipelines/p/pause', {})
      await ask('POST', '/api/pipelines/p/unpause', {})
    },
  ],
  'POST /api/pipelines/:name/unpause': [
    'pipeline.unpause',
    async () => (await setPipeline(), ask('POST', '/api/pipelines/p/unpause', {})),
  ],
  'PUT /api/pipelines/:name/webhook': ['webhook.set', setWebhook],
  'DELETE /api/pipelines/:name/webhook': [
    'webhook.rm',
    async () => (await setWebhook(), ask('DELETE', '/api/pipelines/p/webhook')),
  ],
  'POST /api/webhooks/:pipeline': [
    'run.start',
    async () => {
      const { secret = '' } = await setWebhook()
      await ask('POST', '/api/webhooks/p', {}, githubHeaders('{}', secret, crypto.randomUUID()))
    },
  ],
  'POST /mcp': [
    'run.start',
    async () => {
      await setPipeline()
      const { token = '' } = await ask('POST', '/api/auth/login', ADA, {})
      const headers = { authorization: `Bearer ${token}` }
      const host = await connectHost(`${company.server.url}/mcp`, { headers })
      await host.call('run_pipeline', { name: 'p' })
      await host.close()
    },
  ],
  'POST /pipelines/:name': [
    'run.start',
    async () => (await setPipeline(), submit('/pipelines/p', 'Run', { task: '', args: '' })),
  ],
  'POST /api/runs/:id/resume': [
    'run.resume',
    async () => {
      const { run_id: id } = await startSlowRun()
      await ask('POST', `/api/runs/${id}/stop`, {})
      const ended = () => company.ask('ada', 'POST', `/api/runs/${id}/resume`, { body: {} })
      await until(ended, ({ status }) => status < 300)
      await ask('POST', `/api/runs/${id}/stop`, {})
    },
  ],
  'POST /api/runs/:id/again': [
    'run.start',
    async () => {
      const { run_id: id } = await startSlowRun()
      const again = await ask('POST', `/api/runs/${id}/again`, {})
      await ask('POST', `/api/runs/${id}/stop`, {})
      await ask('POST', `/api/runs/${again.run_id}/stop`, {})
    },
  ],
  'POST /runs/:id': ['run.stop', async () => submit(`/runs/${(await startSlowRun()).run_id}`, 'Stop')],
  'PUT /api/secrets/:key': ['secret.set', () => ask('PUT', '/api/secrets/KEY', { value: 'a long value' })],
  'DELETE /api/secrets/:key': [
    'secret.rm',
    async () => {
      await ask('PUT', '/api/secrets/GONE', { value: 'a long value' })
      await ask('DELETE', '/api/secrets/GONE')
    },
  ],
  'POST /api/secrets/rewrap': ['secret.rewrap', () => ask('POST', '/api/secrets/rewrap', {})],
}

/** Changes nothing, or nothing that anybody could ask about later. */
const NOT_RECORDED: Readonly<Record<string, string>> = {
  'POST /oauth/authorize': 'is refused: there is only GET',
  'DELETE /mcp': 'is refused: there are no sessions to end',
  'POST /oauth/token':
    'hands out what a recorded consent allowed; a reuse that ends a login is recorded (below)',
  'POST /oauth/introspect': 'only reads',
  'POST /invitation': 'opens one; accepting it is recorded',
  'POST /oauth/userinfo': 'only reads',
  'POST /oauth/device_authorization': 'asks; whoever answers is recorded',
  'POST /api/auth/refresh': 'goes on with a recorded login',
  'POST /api/runners/heartbeat': 'says that a runner is there, every few seconds',
}

async function logInOn(address: string): Promise<void> {
  const browser = httpBrowser()
  await browser.submit(await browser.open(address.includes('/auth/login/') ? begin() : address), ADA)
}

async function recorded(): Promise<{ seq: number; action: string }[]> {
  const { db, close } = openDatabase(databasePath(company.server.dataDir))
  const rows = await db.select().from(auditEntries)
  close()
  return rows.map(({ seq, action }) => ({ seq, action }))
}

const changing = ROUTES.filter(({ method }) => method !== 'GET').map(
  ({ method, path }) => `${method} ${path}`,
)

describe('S117: whatever changes something is recorded', () => {
  test('each route that is not a GET is in one of the two tables', () => {
    expect([...Object.keys(RECORDED), ...Object.keys(NOT_RECORDED)].toSorted()).toEqual(changing.toSorted())
  })

  test.each(Object.entries(RECORDED))('%s', async (_route, [action, act]) => {
    const before = (await recorded()).length
    await act()
    const now = (await recorded()).slice(before)
    expect(now.map((entry) => entry.action)).toContain(action)
  })

  test('a code that comes a second time ends the login, and that is recorded with whose it was', async () => {
    const redirect = 'http://127.0.0.1:8765/callback'
    const browser = httpBrowser({ stopAt: redirect })
    const consent = await browser.submit(await browser.open(begin()), ADA)
    const end = await browser.submit(consent, {}, 'Authorize')
    const redeem = () =>
      post('/oauth/token', {
        grant_type: 'authorization_code',
        client_id: 'fob-cli',
        redirect_uri: redirect,
        code: end.url.searchParams.get('code') ?? '',
        code_verifier: 'v'.repeat(43),
      })
    expect(await redeem()).toHaveProperty('access_token')
    expect((await redeem()).error).toBe('invalid_grant')
    const { items } = (await ask('GET', '/api/audit?action=token.revoke&limit=1')) as unknown as {
      items: Json[]
    }
    expect(items[0]).toMatchObject({
      actor: expect.stringMatching(/^local:/),
      details: { client: 'fob-cli', reuse: true },
    })
  })
})
