/** Several accounts of one server: login, `auth switch`, `FOB_ACCOUNT` and logout of one or all of them. */
import { afterEach, describe, expect, test } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { machine } from '../../../support/client/client-machine.ts'
import { type PeopleServer, startPeopleServer } from '../../../support/servers/people-server.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

const servers: PeopleServer[] = []
function start(): PeopleServer {
  const server = startPeopleServer()
  servers.push(server)
  return server
}
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})

type Machine = ReturnType<typeof machine>

async function login({ run }: Machine, server: PeopleServer, name: string, options: { cwd?: string } = {}) {
  const { code, err } = await run(['auth', 'login', '--token-stdin', '-s', server.url], {
    ...options,
    stdin: `canary-${name}\n`,
  })
  if (code !== 0) throw new Error(err)
  return { err }
}

const tokenOf = async (
  { run }: Machine,
  args: string[] = [],
  options: Parameters<Machine['run']>[1] = {},
) => {
  const { code, out, err } = await run(['auth', 'token', ...args], options)
  return code === 0 ? out.trim() : err
}

/** Ada and Bob at one server, Cleo at another. */
async function threeLogins() {
  const [one, two] = [start(), start()]
  const here = machine()
  await login(here, two, 'cleo')
  await login(here, one, 'ada')
  await login(here, one, 'bob')
  return { here, one, two }
}

describe('several accounts of one server', () => {
  test('S42: a login of another user adds an account, and commands for that server use it with no flag', async () => {
    const { here, one } = await threeLogins()
    expect(await tokenOf(here, ['-s', one.url])).toBe('canary-bob')
    const { out } = await here.run(['auth', 'status', '-s', one.url, '-o', 'json'])
    const rows = JSON.parse(out).filter((row: { server: string }) => row.server === one.url)
    expect(rows).toMatchObject([
      { id: `${one.url}#id-bob`, account: 'id-bob', current: true, selected: true },
      { id: `${one.url}#id-ada`, account: 'id-ada', current: false, selected: false },
    ])
    expect(out).not.toContain('canary')
  })

  test.each([
    ['an e-mail', 'ADA@example.com', 'canary-ada'],
    ['a name', 'ada', 'canary-ada'],
    ['an ID', 'id-ada', 'canary-ada'],
    ['an account of another server', 'cleo', 'canary-cleo'],
  ])('auth switch takes %s', async (_, name, token) => {
    const { here, one } = await threeLogins()
    await here.run(['auth', 'switch', one.url])
    expect((await here.run(['auth', 'switch', name])).code).toBe(0)
    expect(await tokenOf(here)).toBe(token)
  })

  test('S229, S231: auth switch takes a server, and its current account stays what it was', async () => {
    const { here, one, two } = await threeLogins()
    await here.run(['auth', 'switch', `${two.url}/api/v1/`])
    expect(await tokenOf(here)).toBe('canary-cleo')
    await here.run(['auth', 'switch', one.url])
    expect(await tokenOf(here)).toBe('canary-bob')
  })

  test('R18, S230: a login makes its server the current one, and says how to go back', async () => {
    const [one, two] = [start(), start()]
    const here = machine()
    expect((await login(here, one, 'ada')).err).not.toContain('from now on')
    const { err } = await login(here, two, 'cleo')
    expect(err).toContain(`Commands use ${two.url} from now on; to go back: fob auth switch ${one.url}\n`)
    expect((await here.run(['whoami'])).out).toContain('cleo@example.com')
    await here.run(['auth', 'switch', one.url])
    expect((await here.run(['whoami'])).out).toContain('ada@example.com')
    await login(here, two, 'cleo')
    expect(await tokenOf(here)).toBe('canary-cleo')
    expect((await here.run(['auth', 'status'])).err).toContain(
      `server: ${two.url} (the last login or switch)`,
    )
  })

  test('R18: a server of config.toml or a project counts before the last login, and is named', async () => {
    const [one, two] = [start(), start()]
    const here = machine()
    await login(here, one, 'ada')
    writeFileSync(join(here.home, 'config.toml'), `server = "${one.url}"\n`)
    const { err } = await login(here, two, 'cleo')
    const to = `to use this login: fob auth switch ${two.url}`
    expect(err).toContain(`note: commands here use ${one.url}, which config.toml names; ${to}\n`)
    expect(await tokenOf(here)).toBe('canary-ada')
    await here.run(['auth', 'switch', two.url])
    expect(await tokenOf(here)).toBe('canary-cleo')
    const { cwd, path } = project(`server = "${one.url}"\n`)
    await here.run(['auth', 'trust'], { cwd })
    const again = await login(here, two, 'cleo', { cwd })
    expect(again.err).toContain(
      `note: commands here use ${one.url}, which ${path} names; to use this login: -s ${two.url}`,
    )
  })

  test('auth switch with nothing named and nobody to ask exits 2 and says what would answer', async () => {
    const { here } = await threeLogins()
    const { code, err } = await here.run(['auth', 'switch'])
    expect(code).toBe(2)
    expect(err).toContain('hint: name one: fob auth switch ACCOUNT; stored are: ')
    expect(err).toContain('ada@example.com')
  })

  test.each([
    ['nobody', ['zoe'], 4],
    ['two people', ['twin'], 2],
    ['a server without a login', ['-s', 'https://other.example.com'], 4],
  ])('auth switch to %s changes nothing', async (_, args, expected) => {
    const { here, one } = await threeLogins()
    const twins = readFileSync(here.file, 'utf8').replaceAll(/"name": "(ada|bob)"/g, '"name": "twin"')
    writeFileSync(here.file, twins)
    const { code } = await here.run(['auth', 'switch', ...args])
    expect(code).toBe(expected)
    expect(readFileSync(here.file, 'utf8')).toBe(twins)
    expect(await tokenOf(here, ['-s', one.url])).toBe('canary-bob')
  })

  test('FOB_ACCOUNT chooses for one call, and never falls back to another', async () => {
    const { here, one, two } = await threeLogins()
    const env = { FOB_ACCOUNT: 'ada@example.com' }
    expect(await tokenOf(here, ['-s', one.url], { env })).toBe('canary-ada')
    expect((await here.run(['whoami', '-s', one.url], { env })).out).toContain('ada@example.com')
    const wrong = await here.run(['auth', 'token', '-s', two.url], { env })
    expect([wrong.code, wrong.out]).toEqual([4, ''])
    expect(wrong.err).toContain(`fob: "ada@example.com" (FOB_ACCOUNT) is not logged in to ${two.url}`)
    const token = { ...env, FOB_TOKEN: 'one-off' }
    expect(await tokenOf(here, ['-s', two.url], { env: token })).toBe('one-off')
  })

  test('S233, S234: logout forgets the current account alone, and says who is left', async () => {
    const { here, one, two } = await threeLogins()
    const { err } = await here.run(['auth', 'logout', '-s', one.url])
    expect(err).toContain(`Logged out of ${one.url} (bob@example.com)`)
    expect(err).toContain('Commands use the login of ada@example.com there now')
    expect(await tokenOf(here, ['-s', one.url])).toBe('canary-ada')
    expect(await tokenOf(here, ['-s', two.url])).toBe('canary-cleo')
    expect(readFileSync(here.file, 'utf8')).not.toContain('bob')
  })

  test('S244: a token without an end is kept until the logout, which says that the server was not told', async () => {
    const { here, two } = await threeLogins()
    const { out } = await here.run(['auth', 'status', '-s', two.url, '-o', 'json'])
    expect(JSON.parse(out)[0]).toMatchObject({
      server: two.url,
      kind: 'token',
      expiresAt: null,
      state: 'valid',
    })
    const { code, err } = await here.run(['auth', 'logout', '-s', two.url])
    expect([code, err.includes('warning: the server may still accept the token')]).toEqual([0, true])
    expect((await here.run(['auth', 'token', '-s', two.url])).code).toBe(4)
  })

  test('S230, S232: a login with --api-url is to that environment, and a command runs against either', async () => {
    const { here, one, two } = await threeLogins()
    const third = start()
    const args = ['auth', 'login', '--token-stdin', '--api-url', `${third.url}/api/v1`]
    expect((await here.run(args, { stdin: 'canary-dora' })).code).toBe(0)
    for (const [server, who] of [
      [one, 'bob'],
      [two, 'cleo'],
      [third, 'dora'],
    ] as const) {
      await here.run(['runs', 'list', '--api-url', server.url])
      expect(server.requests.at(-1)).toMatchObject({
        path: '/api/runs',
        authorization: `Bearer canary-${who}`,
      })
    }
  })

  test('R12: with several servers and none chosen, logout lists them and exits 2', async () => {
    const { here, one, two } = await threeLogins()
    const third = start()
    await login(here, third, 'dora')
    expect((await here.run(['auth', 'logout'])).code).toBe(0)
    const { code, err } = await here.run(['auth', 'logout'])
    expect(code).toBe(2)
    expect(err).toContain('logins to several servers are stored, and none is chosen')
    expect(err).toContain(`cleo@example.com at ${two.url}`)
    expect(err).toContain(`bob@example.com at ${one.url}`)
  })

  test('logout --all with a server forgets every account there, without one every login', async () => {
    const { here, one, two } = await threeLogins()
    await here.run(['auth', 'logout', '--all', '-s', one.url])
    expect(Object.keys(JSON.parse(readFileSync(here.file, 'utf8')).servers)).toEqual([two.url])
    await here.run(['auth', 'logout', '--all'])
    expect(JSON.parse(readFileSync(here.file, 'utf8')).servers).toEqual({})
  })

  test('the keys of the file are compared as URLs, and nothing is lost where one server stands there twice', async () => {
    const server = start()
    const here = machine()
    mkdirSync(here.home)
    const upper = `${server.url.replace('http', 'HTTP')}/api/v1/`
    writeFileSync(here.file, JSON.stringify({ servers: { [upper]: { token: 'canary-byhand' } } }))
    expect(await tokenOf(here)).toBe('canary-byhand')
    await login(here, server, 'ada')
    expect(Object.keys(JSON.parse(readFileSync(here.file, 'utf8')).servers)).toEqual([server.url])
    const both = { [`${server.url}/`]: { token: 'canary-byhand' }, [server.url]: { token: 'canary-bob' } }
    writeFileSync(here.file, JSON.stringify({ servers: both }))
    expect(await tokenOf(here)).toBe('canary-bob')
    await login(here, start(), 'cleo')
    expect(readFileSync(here.file, 'utf8')).toMatch(/canary-bob[^]*canary-byhand/)
  })

  test('S43: a file of the plain documented form is used, and a login takes its place', async () => {
    const server = start()
    const here = machine()
    mkdirSync(here.home)
    writeFileSync(here.file, JSON.stringify({ servers: { [server.url]: { token: 'canary-byhand' } } }))
    expect(await tokenOf(here)).toBe('canary-byhand')
    await login(here, server, 'ada')
    expect(await tokenOf(here)).toBe('canary-ada')
    expect(readFileSync(here.file, 'utf8')).not.toContain('byhand')
  })
})

/** A folder with such a file. */
function project(text: string): { cwd: string; path: string } {
  const cwd = temporaryFolder()
  writeFileSync(join(cwd, '.fob.toml'), text)
  return { cwd, path: join(cwd, '.fob.toml') }
}

describe("a project's .fob.toml", () => {
  test('a hostile repository redirects no token: unknown, it is ignored, with one line about it', async () => {
    const [mine, evil] = [start(), start()]
    const here = machine()
    await login(here, mine, 'ada')
    const { cwd, path } = project(`server = "${evil.url}"\n`)
    for (const env of [{}, { FOB_TOKEN: 'canary-ada' }, { CI: 'true' }]) {
      const { err } = await here.run(['tenants', 'list'], { cwd, env })
      expect(err.split('\n')[0]).toBe(`note: ${path} is ignored until you allow it: fob auth trust ${path}`)
    }
    expect(evil.requests).toEqual([])
    expect(mine.requests.filter(({ path }) => path === '/api/v1/tenants')).toHaveLength(3)
  })

  test('after a yes it chooses server, account and tenant, and auth status says so', async () => {
    const { here, one } = await threeLogins()
    const { cwd, path } = project(`server = "${one.url}"\naccount = "ada@example.com"\ntenant = "shop"\n`)
    const said = await here.run(['auth', 'trust'], { cwd })
    expect([said.code, said.out]).toEqual([0, ''])
    expect(said.err).toContain(`the server ${one.url}, the tenant shop, the account ada@example.com`)
    expect(await tokenOf(here, [], { cwd })).toBe('canary-ada')
    const { err, out } = await here.run(['auth', 'status', '-o', 'json'], { cwd })
    expect(err).toContain(`server: ${one.url} (${path})`)
    expect(err).toContain(`account: chosen by ${path}`)
    const current = JSON.parse(out).filter((row: { current: boolean }) => row.current)
    expect(current).toMatchObject([{ account: 'id-ada', selected: false }])
    one.requests.length = 0
    await here.run(['runs', 'list'], { cwd })
    expect(one.requests[0]).toMatchObject({ authorization: 'Bearer canary-ada', tenant: 'shop' })
  })

  test('what it says of account and tenant does not hold for another server', async () => {
    const { here, one, two } = await threeLogins()
    const { cwd } = project(`server = "${one.url}"\naccount = "ada"\ntenant = "shop"\n`)
    await here.run(['auth', 'trust'], { cwd })
    expect(await tokenOf(here, ['-s', two.url], { cwd })).toBe('canary-cleo')
    await here.run(['runs', 'list', '-s', two.url], { cwd })
    expect(two.requests.at(-1)?.tenant).toBeNull()
  })

  test('when it changes it is a new question, and a no is final until a yes', async () => {
    const { here, one } = await threeLogins()
    const { cwd, path } = project('account = "ada"\n')
    await here.run(['auth', 'trust', path])
    expect(await tokenOf(here, ['-s', one.url], { cwd })).toBe('canary-ada')
    writeFileSync(path, 'account = "bob"\ntenant = "other"\n')
    const changed = await here.run(['auth', 'token', '-s', one.url], { cwd })
    expect([changed.out, changed.err.includes('is ignored')]).toEqual(['canary-bob\n', true])
    await here.run(['auth', 'trust', '--revoke'], { cwd })
    expect((await here.run(['auth', 'token', '-s', one.url], { cwd })).err).toBe('')
  })

  test.each([
    ['a token', 'token = "canary"\n', '"token" is not allowed'],
    ['a password in the address', 'server = "https://u:canary@a.example.com"\n', undefined],
  ])('nobody can say yes to %s', async (_, text, part) => {
    const here = machine()
    const { cwd } = project(text)
    const { code, err } = await here.run(['auth', 'trust'], { cwd })
    expect([code, err.includes('canary')]).toEqual([2, false])
    if (part !== undefined) expect(err).toContain(part)
  })

  test('flags and variables outweigh it', async () => {
    const { here, one, two } = await threeLogins()
    const { cwd } = project(`server = "${one.url}"\naccount = "ada"\n`)
    await here.run(['auth', 'trust'], { cwd })
    expect(await tokenOf(here, [], { cwd, env: { FOB_SERVER: two.url } })).toBe('canary-cleo')
    expect(await tokenOf(here, [], { cwd, env: { FOB_ACCOUNT: 'bob' } })).toBe('canary-bob')
  })
})
