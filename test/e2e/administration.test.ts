import { Database } from 'bun:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { binaryLogin } from '../support/binary-login.ts'
import { ADA, type BinaryServer, startBinaryServer } from '../support/fob-server.ts'
import { fob } from '../support/fob.ts'
import { temporaryFolder } from '../support/temporary.ts'

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

  test.each([
    [['tenant', 'add', 'No Slug'], 2, 'a tenant has up to 63 small letters'],
    [['tenant', 'add', 'default'], 1, 'there is a tenant default already'],
    [['tenant', 'rm', 'default'], 1, 'stays'],
    [['tenant', 'rm', 'nowhere'], 6, 'there is no tenant "nowhere"'],
    [['tenant', 'member', 'add', 'default', 'nobody@example.com'], 6, 'there is no user nobody@example.com'],
    [['tenant', 'member', 'add', 'default', ADA.email, '--role', 'king'], 2, '--role takes'],
    [['tenant', 'member', 'rm', 'default', ADA.email], 1, 'the only administrator'],
  ])('%j ends with %d', async (args, code, message) => {
    expect(await admin(...args)).toMatchObject({ code, err: expect.stringContaining(message) })
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
    expect(await as('pipeline', 'set', file, '--rbac', 'Email == "nobody"')).toMatchObject({ code: 0 })
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
