/** The settings of identity providers whose JWTs are accepted. */
import { describe, expect, test } from 'bun:test'
import { readSettings } from '../../../src/server/settings/settings.ts'
import { parseToml } from '../../../src/platform/files/toml.ts'
import { Fault } from '../../../src/contract/fault.ts'

const SERVER = 'https://ci.example.com'
const oauth = {
  'local-accounts': 'true',
  'oauth-session-secret': 'a-session-secret-of-32-bytes-or-more',
  'oauth-callback-url': SERVER,
}
const ISSUER = 'https://login.corp.example'

function faultOf(work: () => unknown): Fault {
  try {
    work()
  } catch (error) {
    if (error instanceof Fault) return error
  }
  throw new Error('not a fault')
}

const byFlags = (flags: Record<string, string>) =>
  readSettings({ flags: { ...oauth, ...flags }, env: {}, file: undefined }).trustedIssuers

const byFile = (text: string) => {
  const parsed = parseToml(text)
  if (!parsed.ok) throw new Error('not TOML')
  return readSettings({ flags: oauth, env: {}, file: parsed.table }).trustedIssuers
}

const entriesOf = (...issuers: string[]) =>
  issuers.map((issuer) => `[[trusted_issuers]]\nissuer = "${issuer}"\n`).join('')

describe('one trusted issuer by flags', () => {
  test('S113: an issuer by its URL, for the server itself, may start runs and nothing else', () => {
    expect(byFlags({ 'trusted-issuer': `${ISSUER}/` })).toEqual([
      {
        name: 'login.corp.example/',
        issuer: `${ISSUER}/`,
        keysUrl: undefined,
        audience: SERVER,
        conditions: [],
        tenant: 'default',
        role: 'member',
        scopes: ['runs:trigger'],
        pipelines: null,
        maxLifetimeSeconds: 86_400,
      },
    ])
  })

  test('a preset with everything that can be said of it', () => {
    const [issuer] =
      byFlags({
        'trusted-issuer': 'github',
        'trusted-issuer-audience': 'fob',
        'trusted-issuer-repositories': 'my-org/app, my-org/infra-*',
        'trusted-issuer-rule': 'claims.ref == "refs/heads/main"',
        'trusted-issuer-tenant': 'acme',
        'trusted-issuer-role': 'viewer',
        'trusted-issuer-pipelines': 'deploy,check-*',
        'trusted-issuer-max-lifetime': '15m',
      }) ?? []
    expect(issuer).toMatchObject({
      name: 'github',
      issuer: 'https://token.actions.githubusercontent.com',
      audience: 'fob',
      conditions: [
        { kind: 'claim', claim: 'repository', patterns: ['my-org/app', 'my-org/infra-*'] },
        { kind: 'rule', rule: 'claims.ref == "refs/heads/main"' },
      ],
      tenant: 'acme',
      role: 'viewer',
      scopes: ['pipelines:read', 'runs:read', 'secrets:read', 'runners:read'],
      pipelines: ['deploy', 'check-*'],
      maxLifetimeSeconds: 900,
    })
  })

  test('variables do the same', () => {
    const env = { FOB_TRUSTED_ISSUER: ISSUER, CI_TRUSTED_ISSUER_SCOPES: 'runs:read' }
    const { trustedIssuers } = readSettings({ flags: oauth, env, file: undefined })
    expect(trustedIssuers).toMatchObject([{ issuer: ISSUER, scopes: ['runs:read'] }])
  })

  test.each([
    [{}],
    [{ 'trusted-issuer-rule': 'claims.ref == "refs/heads/main"' }],
    [{ 'trusted-issuer-rule': 'claims.environment == "production" && claims.actor != "x"' }],
    [{ 'trusted-issuer-rule': 'claims.job_workflow_ref startsWith "my-org/workflows/"' }],
  ])('GitHub without a condition on the owner refuses to start: %j', (more) => {
    const fault = faultOf(() => byFlags({ 'trusted-issuer': 'github', ...more }))
    expect(fault).toMatchObject({ code: 'config' })
    expect(fault.message).toContain('any repository in the world can get a token of GitHub Actions')
    expect(fault.hint).toContain('--trusted-issuer-repositories')
  })

  test('GitHub and GitLab by their address are GitHub and GitLab', () => {
    const github = { 'trusted-issuer': 'https://token.actions.githubusercontent.com/' }
    const gitlab = { 'trusted-issuer': 'https://GitLab.com' }
    for (const flags of [github, gitlab]) {
      expect(faultOf(() => byFlags(flags)).message).toContain('any repository in the world can get a token')
    }
    const named = byFlags({ ...github, 'trusted-issuer-repositories': 'my-org/*' })
    expect(named).toEqual(byFlags({ 'trusted-issuer': 'github', 'trusted-issuer-repositories': 'my-org/*' }))
  })

  test.each(['claims.repository_owner_id == "65"', 'claims["sub"] startsWith "repo:my-org/"'])(
    'and with one starts: %s',
    (rule) => {
      expect(byFlags({ 'trusted-issuer': 'github', 'trusted-issuer-rule': rule })).toHaveLength(1)
    },
  )

  test.each([
    [{ 'trusted-issuer-rule': 'true' }, '--trusted-issuer-rule is set, but --trusted-issuer is not'],
    [{ 'trusted-issuer': 'http://login.example' }, 'takes github, gitlab or an https address'],
    [{ 'trusted-issuer': 'git-hub' }, 'takes github, gitlab or an https address'],
    [{ 'trusted-issuer': 'https://me:pw@login.example' }, 'takes github, gitlab or an https address'],
    [{ 'trusted-issuer': SERVER }, 'is this server itself'],
    [{ 'trusted-issuer': ISSUER, 'trusted-issuer-url': ISSUER }, 'is for github and gitlab'],
    [{ 'trusted-issuer': 'https://accounts.google.com' }, 'needs a rule: anybody in the world'],
    [{ 'trusted-issuer': ISSUER, 'trusted-issuer-repositories': 'a/b' }, 'is for github and gitlab'],
    [{ 'trusted-issuer': 'github', 'trusted-issuer-repositories': '*/app' }, 'my-org/*, not */app'],
    [{ 'trusted-issuer': 'github', 'trusted-issuer-repositories': 'my-org*/a' }, 'my-org/*, not my-org*/a'],
    [{ 'trusted-issuer': ISSUER, 'trusted-issuer-role': 'owner' }, 'takes viewer, member, admin, not owner'],
    [{ 'trusted-issuer': ISSUER, 'trusted-issuer-scopes': 'runs' }, 'takes scopes, not runs'],
    [
      { 'trusted-issuer': ISSUER, 'trusted-issuer-scopes': 'runs:read', 'trusted-issuer-role': 'admin' },
      'cannot both be set',
    ],
    [{ 'trusted-issuer': ISSUER, 'trusted-issuer-max-lifetime': '400d' }, 'takes a time from 1m to 366d'],
    [{ 'trusted-issuer': ISSUER, 'trusted-issuer-rule': '' }, '--trusted-issuer-rule is set, but empty'],
  ])('%j is refused', (flags: Record<string, string>, message) => {
    expect(faultOf(() => byFlags(flags))).toMatchObject({
      code: 'config',
      message: expect.stringContaining(message) as string,
    })
  })

  test('a server without OAuth has none', () => {
    const sources = { flags: { 'trusted-issuer': ISSUER }, env: {}, file: undefined }
    expect(faultOf(() => readSettings(sources)).message).toBe('--trusted-issuer needs OAuth')
  })
})

describe('a list of them in the settings file', () => {
  test('keys with - or _, and lists of texts', () => {
    const issuers = byFile(`
      [[trusted_issuers]]
      preset = "github"
      repositories = ["my-org/app"]
      pipelines = ["deploy"]

      [[trusted_issuers]]
      preset = "gitlab"
      url = "https://gitlab.corp.example/"
      rule = 'claims.project_path startsWith "infra/"'
      max-lifetime = "1h"

      [[trusted_issuers]]
      issuer = "https://login.corp.example"
      keys_url = "https://login.corp.example/keys"
      scopes = ["runs:read", "runs:trigger"]`)
    expect(issuers?.map(({ name }) => name)).toEqual(['github', 'gitlab.corp.example', 'login.corp.example'])
    expect(issuers?.[1]).toMatchObject({ issuer: 'https://gitlab.corp.example', maxLifetimeSeconds: 3600 })
    expect(issuers?.[2]).toMatchObject({
      keysUrl: 'https://login.corp.example/keys',
      scopes: ['runs:read', 'runs:trigger'],
    })
  })

  test.each([
    ['tenant = "a"', 'trusted_issuers[0].issuer is missing'],
    ['preset = "github"\nissuer = "https://a.example"', 'cannot both be set'],
    ['preset = "bitbucket"', 'trusted_issuers[0].preset takes github or gitlab, not bitbucket'],
    ['preset = "gitlab"', 'any repository in the world can get a token of GitLab CI'],
    ['issuer = "https://a.example"\naudiences = "x"', 'trusted_issuers[0] has an unknown key "audiences"'],
    ['issuer = "https://a.example"\nrule = ""', 'trusted_issuers[0].rule takes a text or a list of texts'],
    ['issuer = "https://a.example"\nscopes = 3', 'trusted_issuers[0].scopes takes a text or a list of texts'],
  ])('%s is refused', (text, message) => {
    expect(faultOf(() => byFile(`[[trusted-issuers]]\n${text}`))).toMatchObject({
      code: 'config',
      message: expect.stringContaining(message) as string,
    })
  })
})

test('issuers whose programs would have the same names in runs and the audit log are refused', () => {
  for (const other of ['https://a.example:8443', 'https://a.example:8443/realm']) {
    const { message } = faultOf(() => byFile(entriesOf(other, 'https://a.example')))
    expect(message).toContain('cannot be told apart')
  }
  expect(byFile(entriesOf('https://a.example', 'https://a.example/realm'))).toHaveLength(2)
  expect(byFile(entriesOf('https://a.example:84', 'https://a.example:8443'))).toHaveLength(2)
})

test('entries of one issuer name its keys in one place', () => {
  const entries = '[[trusted_issuers]]\nissuer = "https://a.example"\n'
  expect(faultOf(() => byFile(`${entries}${entries}keys_url = "https://a.example/keys"`)).message).toBe(
    'the entries of the trusted issuer https://a.example name different keys_url',
  )
})
