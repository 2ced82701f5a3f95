/** `fob server` administration on the binary: tenants, users, the data folder, access rules and `server check`. */
import { Database } from 'bun:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../../src/platform/clock.ts'
import { withAccounts } from '../../../src/server/administration/open-data-folder.ts'
import { binaryLogin } from '../../support/client/binary-login.ts'
import { ADA, type BinaryServer, startBinaryServer } from '../../support/servers/binary-server.ts'
import { fob } from '../../support/client/compiled-binary.ts'
import { testWith } from '../../support/real-parts/skip-without-part.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { inTerminal, missingTerminalPart } from '../../support/real-parts/terminal.ts'

let server: BinaryServer
let home: string
/** A command of the user who is logged in. */
const as = (...args: string[]) => fob([...args, '-s', server.url], { home })
/** A command on the data folder, beside the running server. */
const admin = (...args: string[]) => fob(['server', ...args, '--data', server.dataDir])

beforeAll(async () => {
  server = await startBinaryServer()
  home = temporaryFolder()
  expect((await binaryLogin(server.url, { home })).code).toBe(0)
})
afterAll(() => server.stop())

describe('tenants from the command line', () => {
  test('are added, listed with their members, and removed when empty', async () => {
    expect(await admin('tenant', 'add', 'acme', '--name', 'Acme Labs')).toMatchObject({ code: 0 })
    const eve = ['user', 'add', 'eve@example.com', '--password-stdin', '-t', 'acme', '--data', server.dataDir]
    const added = await fob(['server', ...eve], { stdin: 'battery staple' })
    expect(added).toMatchObject({ code: 0, err: 'Added eve@example.com (member of acme)\n' })
    expect(await admin('tenant', 'member', 'add', 'acme', ADA.email, '--role', 'viewer')).toMatchObject({
      code: 0,
      err: `${ADA.email} is viewer of acme\n`,
    })
    const members = JSON.parse((await admin('tenant', 'member', 'list', 'acme', '-o', 'json')).out) as {
      email: string
      role: string
    }[]
    expect(Object.fromEntries(members.map(({ email, role }) => [email, role]))).toEqual({
      [ADA.email]: 'viewer',
      'eve@example.com': 'member',
    })
    expect(await admin('tenant', 'rm', 'acme')).toMatchObject({
      code: 1,
      err: expect.stringContaining('that is the only tenant of a user'),
    })
    expect(await admin('tenant', 'member', 'rm', 'acme', ADA.email)).toMatchObject({ code: 0 })
    expect(await admin('user', 'rm', 'eve@example.com')).toMatchObject({ code: 0 })
    expect(await admin('tenant', 'rm', 'acme')).toMatchObject({ code: 0 })
    expect((await admin('tenant', 'list', '-o', 'json')).out).not.toContain('acme')
  })

  test('that have had tokens, runners and keys are removed too, or say what is left', async () => {
    expect(await admin('tenant', 'add', 'machines')).toMatchObject({ code: 0 })
    await admin('tenant', 'member', 'add', 'machines', ADA.email, '--role', 'admin')
    const scope = ['--scope', 'runs:read', '--all-pipelines', '-t', 'machines']
    expect(await as('tokens', 'create', 'mine', ...scope)).toMatchObject({ code: 0 })
    const { id } = JSON.parse((await as('runners', 'create', 'one', '-t', 'machines', '-o', 'json')).out) as {
      id: string
    }
    const key = await admin('service-key', 'add', 'ci', ...scope, '-o', 'json')
    const { id: keyId } = JSON.parse(key.out) as { id: string }
    expect(await admin('tenant', 'rm', 'machines')).toMatchObject({
      code: 1,
      err: expect.stringContaining(
        'the tenant machines is not empty: 1 runners, 1 service keys\n' +
          'hint: remove runners by fob runners rm, service keys by fob server service-key rm',
      ),
    })
    expect(await as('runners', 'rm', id, '-t', 'machines')).toMatchObject({ code: 0 })
    expect(await admin('service-key', 'rm', keyId)).toMatchObject({ code: 0 })
    expect(await admin('tenant', 'rm', 'machines')).toMatchObject({ code: 0 })
    expect((await admin('tenant', 'list', '-o', 'json')).out).not.toContain('machines')
  })

  test.each([
    [['tenant', 'add', 'No Slug'], 2, 'a tenant has up to 63 small letters'],
    [['tenant', 'add', 'default'], 1, 'there is a tenant default already'],
    [['tenant', 'rm', 'default'], 1, 'stays'],
    [['tenant', 'rm', 'nowhere'], 6, 'there is no tenant "nowhere"'],
    [['tenant', 'member', 'add', 'default', 'nobody'], 6, 'there is no user nobody'],
    [['tenant', 'member', 'add', 'default', ADA.email, '--role', 'king'], 2, '--role takes'],
    [['tenant', 'member', 'rm', 'default', ADA.email], 1, 'the only administrator'],
  ])('%j ends with %d', async (args, code, message) => {
    expect(await admin(...args)).toMatchObject({ code, err: expect.stringContaining(message) })
  })
})

/** A folder without a server, with people of a provider, all of whom were issued something. */
async function withPeople(subjects: readonly string[]) {
  const dataDir = join(temporaryFolder(), 'data')
  const folder = { dataDir, clock: systemClock, create: true }
  const people = await withAccounts(folder, (accounts) =>
    Promise.all(
      subjects.map(async (subject) => {
        const signedIn = await accounts.signInWithIdentityProvider({
          provider: 'github',
          subject,
          email: `${subject}@example.com`,
          name: null,
          nickName: null,
          avatarUrl: null,
          organizations: [],
          groups: [],
        })
        if (signedIn.kind !== 'ok') throw new Error(signedIn.kind)
        return signedIn.user
      }),
    ),
  )
  const sqlite = new Database(join(dataDir, 'fob.db'), { strict: true })
  for (const { id, subject, tenant } of people) {
    sqlite.run(`INSERT INTO access_tokens VALUES ('jti-${subject}', '${id}', 'fob-cli', 'g', 9e15, NULL)`)
    sqlite.run(
      `INSERT INTO cli_tokens (id, hash, tenant_id, user_id, name, scopes, signature_required, created_at)
        VALUES ('tok_${subject}', '${subject}', '${tenant.id}', '${id}', 'n', '[]', 0, 0)`,
    )
    for (const kind of ['RefreshToken', 'Session', 'Grant']) {
      const payload = JSON.stringify({ accountId: `github:${subject}` })
      sqlite
        .query('INSERT INTO oidc_records (kind, id, payload) VALUES (?, ?, ?)')
        .run(kind, `${kind}-${subject}`, payload)
    }
  }
  const left = () =>
    ['users', 'memberships', 'access_tokens', 'cli_tokens', 'oidc_records'].map(
      (table) => sqlite.query(`SELECT 1 FROM ${table}`).all().length,
    )
  const run = (...args: string[]) => fob(['server', ...args, '--data', dataDir])
  return { people, run, left, sqlite, [Symbol.dispose]: () => sqlite.close() }
}

/** A settings file that names the data beside it, and another folder to be in. */
function withConfig() {
  const folder = temporaryFolder()
  const config = join(folder, 'fob.toml')
  writeFileSync(config, 'data = "real"\n')
  return { config, data: join(folder, 'real'), cwd: temporaryFolder() }
}

describe('where the data is', () => {
  const DATA_SET = { FOB_DATA: '/nowhere' }
  const add = ['server', 'user', 'add', 'ada@example.com', '--password-stdin']
  const stdin = 'correct horse battery'

  test('is said by the settings file to every command, and a new server is told of', async () => {
    const { config, data, cwd } = withConfig()
    const missing = await fob(['server', 'check', '--config', config], { cwd })
    expect(missing.code).toBe(6)
    expect(missing.err).toContain(`there is no server data in ${data}\n`)
    expect(missing.err).toContain('--config')
    const first = await fob([...add, '--config', config], { cwd, stdin })
    const told = `Created ${data} for a new server\nAdded ada@example.com (admin of default)\n`
    expect(first).toMatchObject({ code: 0, err: told })
    expect(readdirSync(cwd)).toEqual([])
    for (const words of [['user', 'list'], ['tenant', 'list'], ['service-key', 'list'], ['check']]) {
      expect(await fob(['server', ...words, '--config', config], { cwd })).toMatchObject({ code: 0, err: '' })
    }
    const second = await fob(['server', 'tenant', 'add', 'acme', '--config', config], { cwd })
    expect(second).toMatchObject({ code: 0, err: 'Added the tenant acme\n' })
  })

  test('is said by the flag before the variable, and by that before the file, as to the server', async () => {
    const { config, data, cwd } = withConfig()
    expect(await fob([...add, '--config', config], { cwd, stdin })).toMatchObject({ code: 0 })
    const list = ['server', 'user', 'list', '--config', config]
    expect(await fob(list, { cwd, env: DATA_SET })).toMatchObject({
      code: 6,
      err: expect.stringContaining('/nowhere'),
    })
    expect(await fob([...list, '--data', data], { cwd, env: DATA_SET })).toMatchObject({ code: 0 })
    // As a compose file leaves a variable that it did not find.
    expect(await fob(list, { cwd, env: { FOB_DATA: '' } })).toMatchObject({ code: 0 })
  })
})

const terminalTest = (title: string, run: () => Promise<void>) => testWith(missingTerminalPart(), title, run)

/** `fob server user …` of Bob in a terminal, with what is typed at its two prompts. */
async function typed(word: string, data: string, first: string, second: string) {
  const terminal = inTerminal(['server', 'user', word, 'bob@example.com', '--data', data])
  await terminal.saw('password for bob@example.com')
  terminal.type(`${first}\r`)
  await terminal.saw('again')
  terminal.type(`${second}\r`)
  const { code, sane, text } = await terminal.ended
  expect(sane).toBe(true)
  expect(text).not.toContain('canary')
  return { code, text }
}

describe('server user add and passwd on a terminal', () => {
  terminalTest('that has no size, as in a container: the question stands on one line', async () => {
    const add = ['server', 'user', 'add', 'bob@example.com', '--data', join(temporaryFolder(), 'data')]
    const terminal = inTerminal(add, { columns: 0 })
    await terminal.saw('password for bob@example.com')
    terminal.type('\u0003')
    expect((await terminal.ended).code).toBe(130)
  })

  terminalTest('the password is asked for once more, and nothing is done where the two differ', async () => {
    const data = join(temporaryFolder(), 'data')
    const list = ['server', 'user', 'list', '--data', data]
    expect(await typed('add', data, 'canary horse battery', 'canary horse batery')).toMatchObject({
      code: 2,
      text: expect.stringContaining('the two inputs differ; nothing was changed'),
    })
    expect((await fob(list)).out).not.toContain('bob')
    expect((await typed('add', data, 'canary horse battery', 'canary horse battery')).code).toBe(0)
    expect((await fob(list)).out).toContain('bob@example.com')
    expect((await typed('passwd', data, 'canary staple', 'canary maple')).code).toBe(2)
    expect((await typed('passwd', data, 'canary staple', 'canary staple')).code).toBe(0)
  })
})

describe('server user rm', () => {
  test('takes the user of a provider by provider and subject, or by ID, with all that they were issued', async () => {
    using world = await withPeople(['1', '2', '3'])
    const { people, run, left, sqlite } = world
    expect(left()).toEqual([3, 3, 3, 3, 9])
    expect(await run('user', 'rm', 'github:1')).toEqual({ code: 0, out: '', err: 'Removed github:1\n' })
    expect(left()).toEqual([2, 2, 2, 2, 6])
    const { id = '' } = people[1] ?? {}
    const removed = await run('user', 'rm', id, '-o', 'json')
    expect(JSON.parse(removed.out)).toEqual({
      id,
      provider: 'github',
      subject: '2',
      email: '2@example.com',
      deleted: true,
    })
    expect(left()).toEqual([1, 1, 1, 1, 3])
    const recorded = sqlite.query('SELECT actor, action, target FROM audit_entries ORDER BY seq').all()
    expect(recorded).toEqual(
      ['github:1', 'github:2'].map((target) => ({ actor: 'console', action: 'user.rm', target })),
    )
  })

  test.each(['4@example.com', 'gitlab:3@example.com', 'gitlab:3', 'usr_nobody', 'usr_@example.com'])(
    'does not take %s for somebody',
    async (who) => {
      using world = await withPeople(['3'])
      expect(await world.run('user', 'rm', who)).toMatchObject({
        code: 6,
        err: expect.stringContaining(`there is no user ${who}`),
      })
      expect(world.left()).toEqual([1, 1, 1, 1, 3])
    },
  )

  test('leaves a tenant its only administrator, unless nobody else is in it', async () => {
    using world = await withPeople(['1', '2'])
    const { run, left } = world
    expect(await run('tenant', 'member', 'add', 'default', 'github:1', '--role', 'admin')).toMatchObject({
      code: 0,
    })
    const refused = {
      code: 1,
      err: expect.stringContaining('that user is the only administrator of the tenant default'),
    }
    expect(await run('user', 'rm', 'github:1')).toMatchObject(refused)
    expect(await run('tenant', 'member', 'rm', 'default', 'github:1')).toMatchObject(refused)
    expect(left()).toEqual([2, 2, 2, 2, 6])
    expect(await run('user', 'rm', 'github:2')).toMatchObject({ code: 0 })
    expect(await run('user', 'rm', 'github:1')).toMatchObject({ code: 0 })
    expect(left()).toEqual([0, 0, 0, 0, 0])
  })
})

describe('for operators', () => {
  test('the metrics are read with a login, and end as OpenMetrics ends', async () => {
    const { code, out } = await as('api', 'GET', '/metrics')
    expect([code, out.trimEnd().endsWith('# EOF')]).toEqual([0, true])
    expect(out).toMatch(/^fob_requests_total\{method="GET",status="200"\} \d+$/m)
    expect((await fetch(`${server.url}/metrics`)).status).toBe(401)
    expect((await fetch(`${server.url}/health/live`)).status).toBe(200)
  })
})

describe('S10: pipeline set --rbac', () => {
  const file = join(temporaryFolder(), 'deploy.ts')
  writeFileSync(file, 'const pipeline = async () => {}\nexport { pipeline }\n')

  test('sets a rule, refuses one that is none with its place, and takes it away with the empty one', async () => {
    expect(await as('pipeline', 'set', file, '--rbac', 'Email endsWith "@example.com"')).toMatchObject({
      code: 0,
    })
    expect((await as('pipeline', 'show', 'deploy', '-o', 'json')).out).toContain('endsWith')
    const wrong = await as('pipeline', 'set', file, '--rbac', 'Emial endsWith "@example.com"')
    expect(wrong.code).toBe(2)
    expect(wrong.err).toContain('column 1: "Emial" is not known')
    expect(wrong.err).toContain('hint: did you mean Email?')
    expect(await as('pipeline', 'set', file, '--rbac', 'Email == "nobody"')).toMatchObject({
      code: 0,
      err: expect.stringContaining(
        'from you: you can no longer see, run or change it\nhint: an administrator',
      ),
    })
    expect(await as('pipeline', 'run', 'deploy')).toMatchObject({ code: 6 })
    expect((await as('pipeline', 'list', '-o', 'json')).out.trim()).toBe('[]')
    expect(await as('pipeline', 'set', file, '--rbac', '')).toMatchObject({ code: 0 })
    expect((await as('pipeline', 'list', '-o', 'json')).out).toContain('deploy')
  })

  test.each([
    [['--rbac', 'Emial == "a"'], '--rbac needs OAuth'],
    [
      ['--rbac', 'true', '--basic-auth-username', 'a', '--basic-auth-password', 'b'],
      '--rbac and --basic-auth-username cannot both be set',
    ],
    [['--trusted-proxy', 'proxy.example.com'], '--trusted-proxy takes addresses and networks'],
  ])('S9: a server with %j does not start', async (args, message) => {
    const data = join(temporaryFolder(), 'data')
    const ended = await fob(['server', '--data', data, '--listen', '127.0.0.1:0', ...args])
    expect(ended).toMatchObject({ code: 2, err: expect.stringContaining(message) })
  })
})

const init = (folder: string, ...more: string[]) =>
  fob(['server', 'init', 'you@example.com', '--password-stdin', ...more], {
    cwd: folder,
    stdin: 'battery staple',
  })

describe('server init', () => {
  test('one command sets up a server that starts with what it wrote, each file for its owner alone', async () => {
    const folder = temporaryFolder()
    const done = await init(folder)
    expect(done.err).not.toContain('battery staple')
    expect(done).toMatchObject({ code: 0, err: expect.stringContaining('fob server --config fob.toml') })
    for (const name of ['fob.toml', 'session-secret', 'passphrase', 'fob-data/fob.db']) {
      expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600)
    }
    const users = await fob(['server', 'user', 'list', '--config', 'fob.toml', '-o', 'json'], { cwd: folder })
    expect(JSON.parse(users.out)).toMatchObject([{ email: 'you@example.com', role: 'admin' }])
    const again = await init(folder)
    expect(again).toMatchObject({
      code: 1,
      err: expect.stringContaining('is there already; nothing was written'),
    })
  })

  test.each([
    ['a URL that is none', ['--oauth-callback-url', 'example'], 2],
    ['http beyond this machine', ['--oauth-callback-url', 'http://ci.example.com'], 2],
    ['an address that is none', ['--listen', 'nowhere:http'], 2],
    ['a settings file in a folder that is not there', ['--config', '/proc/none/fob.toml'], 2],
  ])('%s leaves nothing behind', async (_what, flags, code) => {
    const folder = temporaryFolder()
    expect(await init(folder, ...flags)).toMatchObject({ code })
    expect(readdirSync(folder)).toEqual([])
  })
})

describe('backup and restore', () => {
  test('a backup beside the running server is restored into a new folder, and refused where a server runs', async () => {
    const file = join(temporaryFolder(), 'backup.db')
    const backup = await admin('backup', file, '-o', 'json')
    expect(backup).toMatchObject({ code: 0 })
    expect(JSON.parse(backup.out)).toMatchObject({ files: [{ what: 'data', to: file }] })
    expect(await admin('backup', file)).toMatchObject({ code: 1, err: expect.stringContaining('--force') })
    const folder = join(temporaryFolder(), 'restored')
    const restored = await fob(['server', 'restore', file, '--data', folder])
    expect(restored).toMatchObject({ code: 0, err: expect.stringContaining('valid again') })
    expect(await fob(['server', 'check', '--data', folder])).toMatchObject({ code: 0 })
    const users = await fob(['server', 'user', 'list', '--data', folder, '-o', 'json'])
    expect(users.out).toContain(ADA.email)
    expect(await admin('restore', file, '--force')).toMatchObject({
      code: 2,
      err: expect.stringContaining('another server is using'),
    })
  })
})

describe('S117: server check', () => {
  test('finds everything in order beside the running server', async () => {
    const { code, out, err } = await admin('check')
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out.split('\n').map((line) => line.split('\t').slice(0, 2).join(' '))).toEqual([
      'format ok',
      'integrity ok',
      'references ok',
      'audit log ok',
      'triggers ok',
      '',
    ])
  })

  test.each<[string, string[], string]>([
    ['was dropped', ['DROP TRIGGER audit_entries_stay'], 'audit_entries_stay is missing'],
    [
      'does nothing any more',
      [
        'DROP TRIGGER users_ended',
        'CREATE TRIGGER users_ended AFTER DELETE ON users WHEN false BEGIN SELECT 1; END',
      ],
      'users_ended was changed',
    ],
    [
      'is somebody else’s',
      ["CREATE TRIGGER more AFTER INSERT ON audit_entries WHEN NEW.action = 'login' BEGIN SELECT 1; END"],
      "more is not fob's",
    ],
  ])('finds a trigger that %s', async (_what, statements, problem) => {
    const folder = join(temporaryFolder(), 'data')
    expect(await fob(['server', 'tenant', 'add', 'acme', '--data', folder])).toMatchObject({ code: 0 })
    expect(await fob(['server', 'check', '--data', folder])).toMatchObject({ code: 0 })
    const sqlite = new Database(join(folder, 'fob.db'))
    for (const statement of statements) sqlite.run(statement)
    sqlite.close()
    const checked = await fob(['server', 'check', '--data', folder])
    expect(checked).toMatchObject({ code: 1, err: `fob: the trigger ${problem}\n` })
  })

  test('finds an entry that was slipped in before the first one, with the triggers back in place', async () => {
    const folder = join(temporaryFolder(), 'data')
    expect(await fob(['server', 'tenant', 'add', 'acme', '--data', folder])).toMatchObject({ code: 0 })
    const sqlite = new Database(join(folder, 'fob.db'))
    const triggers = sqlite
      .query("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'audit_entries'")
      .all() as { name: string; sql: string }[]
    for (const { name } of triggers) sqlite.run(`DROP TRIGGER ${name}`)
    const columns = 'at, tenant_id, actor, action, outcome, details, previous, hash'
    sqlite.run(`INSERT INTO audit_entries (seq, ${columns}) SELECT 0, ${columns} FROM audit_entries`)
    for (const { sql } of triggers) sqlite.run(sql)
    sqlite.close()
    const checked = await fob(['server', 'check', '--data', folder])
    expect(checked).toMatchObject({ code: 1, err: 'fob: audit entry 0 stands before the first one\n' })
  })

  test('names the first entry that somebody changed, with exit 1', async () => {
    await server.stop()
    const sqlite = new Database(join(server.dataDir, 'fob.db'))
    sqlite.run('DROP TRIGGER audit_entries_stay_as_they_are')
    sqlite.run("UPDATE audit_entries SET actor = 'somebody else' WHERE seq = 3")
    sqlite.close()
    expect(await admin('check')).toMatchObject({ code: 1, err: 'fob: audit entry 3 was changed\n' })
    const json = await admin('check', '-o', 'json')
    expect(JSON.parse(json.out)).toContainEqual(
      expect.objectContaining({ id: 'audit log', ok: false, problem: 'audit entry 3 was changed' }),
    )
  })

  test('says what is not a database, and where there is none', async () => {
    expect(await fob(['server', 'check', '--data', temporaryFolder()])).toMatchObject({ code: 6 })
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'fob.db'), 'only some text that is long enough to be taken for something else')
    expect(await fob(['server', 'check', '--data', folder])).toMatchObject({ code: 1 })
  })
})
