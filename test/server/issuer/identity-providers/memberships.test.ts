/** Organizations and groups after the login: read again, lost, and unknown in an outage. */
import { Database } from 'bun:sqlite'
import { afterEach, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Secret } from '../../../../src/redact/secret.ts'
import { openAccounts } from '../../../../src/server/accounts/accounts.ts'
import { openDatabase } from '../../../../src/server/db/open-database.ts'
import type {
  IdentityProvider,
  ProviderTokens,
  ReadAgain,
} from '../../../../src/server/issuer/identity-providers/identity-provider-types.ts'
import { openMemberships } from '../../../../src/server/issuer/identity-providers/read-memberships-again.ts'
import { temporaryFolder } from '../../../support/temporary.ts'
import { systemClock } from '../../../../src/platform/clock.ts'
import { databasePath } from '../../../../src/server/db/database-files.ts'
import type { TestServer } from '../../../support/servers/test-server.ts'
import { logInWith, startWithIdentityProvider } from '../../../support/stand-ins/all-stand-ins.ts'
import { startGithub } from '../../../support/stand-ins/github.ts'
import { startGitlab } from '../../../support/stand-ins/gitlab.ts'
import { DIRECTORY, startMicrosoft } from '../../../support/stand-ins/microsoft.ts'
import type { StandIn } from '../../../support/stand-ins/stand-in-behaviour.ts'

const HOUR = 60 * 60_000
const SCRIPT = 'const pipeline = async () => {}\nexport { pipeline }\n'

let running: TestServer | undefined
let ahead = 0
/** The clock of this machine, and what a test has let pass. */
const clock = {
  now: () => Date.now() + ahead,
  sleep: systemClock.sleep,
}

afterEach(async () => {
  await running?.stop()
  running = undefined
  ahead = 0
})

async function open<V extends StandIn>(starting: Promise<{ server: TestServer; provider: V }>) {
  const world = await starting
  running = world.server
  return world
}

const github = (rbac?: string) =>
  open(startWithIdentityProvider('github', startGithub, { clock, ...(rbac === undefined ? {} : { rbac }) }))
const gitlab = (rbac: string) => open(startWithIdentityProvider('gitlab', startGitlab, { clock, rbac }))
const microsoft = (rbac: string) =>
  open(
    startWithIdentityProvider('microsoft', (callback) => startMicrosoft(callback), {
      clock,
      rbac,
      tenant: DIRECTORY,
    }),
  )

async function call(server: TestServer, token: string, path = '/api/v1/profile', init: RequestInit = {}) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const response = await fetch(server.url + path, { headers, ...init })
  const text = await response.text()
  return {
    status: response.status,
    text,
    body: (text === '' ? {} : JSON.parse(text)) as Record<string, string>,
  }
}

/** A scoped token that has no end, made by the person who has just logged in. */
async function scopedToken(server: TestServer, accessToken: string): Promise<string> {
  const body = JSON.stringify({
    name: 'ci',
    scopes: ['pipelines:read', 'pipelines:write'],
    allPipelines: true,
  })
  const created = await call(server, accessToken, '/api/auth/cli-tokens', { method: 'POST', body })
  return created.body.token ?? ''
}

function audited(server: TestServer, action: string): Record<string, unknown>[] {
  const db = new Database(databasePath(server.dataDir), { readonly: true })
  const rows = db.query('SELECT * FROM audit_entries WHERE action = ? ORDER BY seq').all(action)
  db.close()
  return rows as Record<string, unknown>[]
}

function sql(server: TestServer, statement: string): void {
  const db = new Database(databasePath(server.dataDir))
  db.run(statement)
  db.close()
}

const MYORG = '"myorg" in Organizations'

describe('a person who is removed from the organization', () => {
  test('loses access with a token that has no end, when a day has passed', async () => {
    const { server, provider } = await github(MYORG)
    const token = await scopedToken(server, (await logInWith(server.url, 'GitHub')).accessToken)
    provider.person.organizations = ['github']
    ahead = 23 * HOUR
    expect((await call(server, token)).status).toBe(200)
    ahead = 24 * HOUR
    const refused = await call(server, token)
    expect(refused.status).toBe(403)
    expect(refused.body.error).toBe('not_admitted')
    expect(audited(server, 'memberships.change')).toMatchObject([
      {
        actor: 'identity-provider',
        target: 'github:583231',
        outcome: 'ok',
        details: JSON.stringify({ provider: 'github', removed: 'myorg', removedCount: 1 }),
      },
    ])
  })

  test('loses it at the next refresh of the login, whatever the age', async () => {
    const { server, provider } = await github(MYORG)
    const login = await logInWith(server.url, 'GitHub')
    provider.person.organizations = []
    ahead = 10 * 60_000
    const refreshed = await fetch(`${server.url}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'refresh_token',
        client_id: 'fob-cli',
        refresh_token: login.refreshToken,
      }),
    })
    const { access_token: access } = (await refreshed.json()) as { access_token: string }
    expect((await call(server, access)).status).toBe(403)
  })

  test('sees a pipeline no longer that a rule shows to the organization alone', async () => {
    const { server, provider } = await github()
    const token = await scopedToken(server, (await logInWith(server.url, 'GitHub')).accessToken)
    const put = (name: string, rbac?: string) =>
      call(server, token, `/api/pipelines/${name}`, {
        method: 'PUT',
        body: JSON.stringify({ source: SCRIPT, filename: 'p.ts', rbac }),
      })
    expect((await put('open')).status).toBe(201)
    expect((await put('inner', MYORG)).status).toBe(201)
    provider.person.organizations = []
    ahead = 25 * HOUR
    expect((await call(server, token, '/api/pipelines/inner')).status).toBe(404)
    expect((await call(server, token, '/api/pipelines/open')).status).toBe(200)
  })

  test('whoever has joined one gets in without a new login', async () => {
    const { server, provider } = await github('"late" in Organizations || Provider == "github"')
    const token = await scopedToken(server, (await logInWith(server.url, 'GitHub')).accessToken)
    provider.person.organizations = ['myorg', 'late']
    ahead = 25 * HOUR
    expect((await call(server, token)).status).toBe(200)
    expect(audited(server, 'memberships.change')[0]?.details).toContain('"added":"late"')
  })
})

describe('where no rule asks for organizations or groups', () => {
  test('nobody is asked, however long it has been', async () => {
    const { server, provider } = await github('Provider == "github"')
    const token = await scopedToken(server, (await logInWith(server.url, 'GitHub')).accessToken)
    provider.requests.length = 0
    ahead = 400 * 24 * HOUR
    provider.behaviour.broken.set('/', 503)
    expect((await call(server, token)).status).toBe(200)
    expect(provider.requests).toEqual([])
  })
})

describe('the tokens of the identity provider', () => {
  test('that expire are refreshed once for many requests, and the new one is stored before it is used', async () => {
    const { server, provider } = await github(MYORG)
    provider.expiring = true
    const token = await scopedToken(server, (await logInWith(server.url, 'GitHub')).accessToken)
    for (const days of [1, 2, 3]) {
      provider.requests.length = 0
      ahead = days * 24 * HOUR
      const all = await Promise.all(Array.from({ length: 10 }, () => call(server, token)))
      expect(all.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200))
      expect(provider.requests.filter((line) => line.endsWith('access_token'))).toHaveLength(1)
    }
    // The new refresh token survives an API that is down right after the refresh.
    ahead = 4 * 24 * HOUR
    provider.behaviour.broken.set('/api/', 503)
    expect((await call(server, token)).status).toBe(200)
    provider.behaviour.broken.clear()
    ahead += 2 * HOUR
    await call(server, token)
    await until(async () => (await call(server, token)).status === 200)
    expect(audited(server, 'memberships.lost')).toEqual([])
  })

  test('of GitLab rotate: one refresh for many requests', async () => {
    const { server, provider } = await gitlab('"engineering" in Groups')
    const token = await scopedToken(server, (await logInWith(server.url, 'GitLab')).accessToken)
    for (const days of [1, 2]) {
      provider.requests.length = 0
      ahead = days * 25 * HOUR
      const all = await Promise.all(Array.from({ length: 10 }, () => call(server, token)))
      expect(new Set(all.map(({ status }) => status))).toEqual(new Set([200]))
      expect(provider.requests.filter((line) => line === 'POST /oauth/token')).toHaveLength(1)
    }
    provider.person.groups = ['banned']
    ahead = 100 * HOUR
    expect((await call(server, token)).status).toBe(403)
  })

  test('of Microsoft bring an ID token with the groups of now', async () => {
    const { server, provider } = await microsoft('"11111111-0000-0000-0000-000000000001" in Groups')
    expect(provider.authorizations).toEqual([])
    const token = await scopedToken(server, (await logInWith(server.url, 'Microsoft')).accessToken)
    expect(provider.authorizations[0]?.get('scope')).toContain('offline_access')
    ahead = 25 * HOUR
    expect((await call(server, token)).status).toBe(200)
    provider.person.groups = []
    ahead = 50 * HOUR
    expect((await call(server, token)).status).toBe(403)
  })

  test('are sealed in the database, and in no line of the log', async () => {
    const { server, provider } = await github(MYORG)
    provider.expiring = true
    const token = await scopedToken(server, (await logInWith(server.url, 'GitHub')).accessToken)
    ahead = 25 * HOUR
    await call(server, token)
    const secrets = [...provider.tokens.access, ...provider.tokens.refresh]
    expect(secrets.length).toBeGreaterThan(1)
    const files = ['', '-wal'].map((end) => readFileSync(databasePath(server.dataDir) + end, 'latin1'))
    const { log } = server
    for (const secret of secrets) expect([...files, log()].some((text) => text.includes(secret))).toBe(false)
  })
})

describe('where memberships cannot be read again', () => {
  test('a token that GitHub takes no longer: refused at once, asked for a new login, and right after it', async () => {
    const { server, provider } = await github(MYORG)
    const token = await scopedToken(server, (await logInWith(server.url, 'GitHub')).accessToken)
    provider.tokens.revoke()
    ahead = 24 * HOUR
    const refused = await call(server, token)
    expect(refused.status).toBe(403)
    expect(refused.body).toMatchObject({
      error: 'memberships_outdated',
      message:
        'the rule of this server asks for your organizations or groups, and they are not known any more',
    })
    expect(refused.body.hint).toContain('fob auth login')
    expect(audited(server, 'memberships.lost')).toMatchObject([
      { actor: 'identity-provider', target: 'github:583231', outcome: 'refused' },
    ])
    await logInWith(server.url, 'GitHub')
    expect((await call(server, token)).status).toBe(200)
  })

  test('a login from before tokens were stored, or without a refresh token', async () => {
    const { server, provider } = await microsoft('"11111111-0000-0000-0000-000000000001" in Groups')
    provider.refreshable = false
    const token = await scopedToken(server, (await logInWith(server.url, 'Microsoft')).accessToken)
    ahead = 23 * HOUR
    expect((await call(server, token)).status).toBe(200)
    sql(server, 'DELETE FROM identity_provider_tokens')
    ahead = 24 * HOUR
    expect((await call(server, token)).body.error).toBe('memberships_outdated')
  })

  test('what another rule allows stays allowed, and a 404 says that something may be left out', async () => {
    const { server } = await github('Provider == "github" || "myorg" in Organizations')
    const token = await scopedToken(server, (await logInWith(server.url, 'GitHub')).accessToken)
    sql(server, 'DELETE FROM identity_provider_tokens')
    ahead = 24 * HOUR
    expect((await call(server, token)).status).toBe(200)
    const missing = await call(server, token, '/api/pipelines/nothing')
    expect(missing.status).toBe(404)
    expect(missing.body.hint).toContain('your organizations and groups are not known any more')
  })
})

describe('an outage of the identity provider', () => {
  test('is bridged by what was read last for as long again, then denies, and heals by itself', async () => {
    const { server, provider } = await github(MYORG)
    const token = await scopedToken(server, (await logInWith(server.url, 'GitHub')).accessToken)
    provider.behaviour.broken.set('/', 503)
    ahead = 24 * HOUR
    expect((await call(server, token)).status).toBe(200)
    // Known to be down: nobody asks it again for a minute.
    provider.requests.length = 0
    expect((await call(server, token)).status).toBe(200)
    expect(provider.requests).toEqual([])
    ahead = 48 * HOUR
    expect((await call(server, token)).body.error).toBe('memberships_outdated')
    // The second reading failed in the background.
    await until(async () => server.log().split('memberships could not be read again').length === 3)
    provider.behaviour.broken.clear()
    ahead += 2 * 60_000
    await call(server, token)
    await until(async () => (await call(server, token)).status === 200)
  })

  test('one that never responds costs nobody more than a few seconds, once', async () => {
    const { server, provider } = await github(MYORG)
    const token = await scopedToken(server, (await logInWith(server.url, 'GitHub')).accessToken)
    provider.behaviour.slow.add('/api/')
    ahead = 24 * HOUR
    const started = performance.now()
    expect((await call(server, token)).status).toBe(200)
    expect(performance.now() - started).toBeLessThan(8000)
    const again = performance.now()
    expect((await call(server, token)).status).toBe(200)
    expect(performance.now() - again).toBeLessThan(1000)
  })
})

const tokensOf = (text: string): ProviderTokens => ({
  accessToken: new Secret(text),
  refreshToken: undefined,
  expiresAt: undefined,
})

describe('a login while the identity provider is asked', () => {
  test('counts, with its tokens: what comes of the older question is dropped', async () => {
    const database = openDatabase(join(temporaryFolder(), 'fob.db'))
    const { db } = database
    const accounts = await openAccounts({ db, clock, onCredentialsChanged: async () => {} })
    const profile = {
      provider: 'github',
      subject: '1',
      email: null,
      name: 'Ada',
      nickName: null,
      avatarUrl: null,
    }
    const logIn = async (organizations: string[]) => {
      const signedIn = await accounts.signInWithIdentityProvider({ ...profile, organizations, groups: [] })
      if (signedIn.kind !== 'ok') throw new Error(signedIn.kind)
      return signedIn.user
    }
    const { id } = await logIn(['old'])
    let stored = tokensOf('of the first login')
    const provider = {
      name: 'github',
      readAgain: async ({ store }: ReadAgain) => {
        ahead += 1000
        await logIn(['of the second login'])
        stored = tokensOf('of the second login')
        store(tokensOf('refreshed from the first'))
        return { ...profile, organizations: ['old'], groups: [] }
      },
    } as unknown as IdentityProvider
    const events: string[] = []
    const memberships = openMemberships({
      db,
      clock,
      log: { info: () => {}, warn: () => {}, error: () => {} },
      configured: new Map([['github', provider]]),
      tokens: { of: () => stored, store: (_, tokens) => void (stored = tokens), remove: () => {} },
      maxAgeMs: 0,
      serverRule: MYORG,
      onEvent: ({ kind }) => events.push(kind),
    })
    await memberships.readAgain(id)
    expect((await accounts.byId(id))?.organizations).toEqual(['of the second login'])
    expect([stored.accessToken.reveal(), events]).toEqual(['of the second login', []])
    database.close()
  })
})

async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 10_000
  while (!(await holds())) {
    if (Date.now() > end) throw new Error('it never came true')
    await Bun.sleep(20)
  }
}
