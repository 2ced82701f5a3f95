/** `fob tenants`: the list of memberships, the default tenant of a server, and refusals by a foreign tenant. */
import { afterEach, describe, expect, test } from 'bun:test'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { machine } from '../../../support/client/client-machine.ts'
import { type PeopleServer, startPeopleServer } from '../../../support/servers/people-server.ts'

const servers: PeopleServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})

/** Logged in as Ada to a server with tenants. */
async function loggedIn(tenants: string[] | undefined = ['acme', 'shop']) {
  const server = startPeopleServer(tenants)
  servers.push(server)
  const here = machine()
  await here.run(['auth', 'login', '--token-stdin', '-s', server.url], { stdin: 'canary-ada\n' })
  server.requests.length = 0
  return { server, ...here }
}

describe('fob tenants', () => {
  test('S227: list shows the memberships and which one is used', async () => {
    const { run } = await loggedIn()
    const { code, out } = await run(['tenants', 'list', '-o', 'json'])
    expect([code, JSON.parse(out)]).toEqual([
      0,
      [
        { id: 't-acme', slug: 'acme', name: 'ACME', role: 'member', current: true },
        { id: 't-shop', slug: 'shop', name: 'SHOP', role: 'member', current: false },
      ],
    ])
    expect((await run(['tenants', 'list', '-t', 'shop'])).out).toBe(
      '\tacme\tACME\tmember\n*\tshop\tSHOP\tmember\n',
    )
  })

  test('S225, S226, S228: use switches the default of this server, and the next call is sent with it', async () => {
    const { run, server, home } = await loggedIn()
    const { code, err } = await run(['tenants', 'use', 'shop'])
    expect([code, err]).toEqual([0, `Commands work in the tenant shop at ${server.url} now\n`])
    expect(readFileSync(join(home, 'config.toml'), 'utf8')).toContain(
      `[servers."${server.url}"]\ntenant = "shop"`,
    )
    await run(['runs', 'list'])
    expect(server.requests.map((request) => request.tenant)).toEqual(['acme', 'shop'])
    await run(['runs', 'list', '--tenant', 'acme'])
    expect(server.requests.at(-1)?.tenant).toBe('acme')
  })

  test('use of a tenant that the caller is no member of exits 5, shows those they are, and changes nothing', async () => {
    const { run, home } = await loggedIn()
    const { code, err } = await run(['tenants', 'use', 'evil\u001b[31m'])
    expect(code).toBe(5)
    expect(err).toContain('hint: yours are: acme, shop')
    expect(err).not.toContain('\u001b')
    expect(existsSync(join(home, 'config.toml'))).toBe(false)
  })

  test('a call in a foreign tenant exits 5 with the list of those that are allowed', async () => {
    const { run } = await loggedIn()
    const { code, err } = await run(['runs', 'list', '--tenant', 'foreign'])
    expect(code).toBe(5)
    expect(err).toContain('fob: you are not a member of that tenant\nhint: yours are: acme, shop')
  })

  test('a foreign tenant in the settings does not keep anyone from the list, nor from another choice', async () => {
    const { run, home } = await loggedIn()
    writeFileSync(join(home, 'config.toml'), 'tenant = "gone"\n')
    const { code, out, err } = await run(['tenants', 'list'])
    expect([code, out.includes('acme')]).toEqual([0, true])
    expect(err).toContain('warning: the tenant gone is set, and you are not a member of it')
    expect((await run(['tenants', 'use', 'acme'])).code).toBe(0)
    expect((await run(['runs', 'list', '-t', 'acme'])).code).toBe(6)
  })

  test('a login into a foreign tenant saves nothing, and shows the others', async () => {
    const { run, server, file } = await loggedIn()
    const before = readFileSync(file, 'utf8')
    const args = ['auth', 'login', '--token-stdin', '-s', server.url, '-t', 'foreign']
    const { code, err } = await run(args, { stdin: 'canary-bob\n' })
    expect([code, err.includes('yours are: acme, shop')]).toEqual([5, true])
    expect(readFileSync(file, 'utf8')).toBe(before)
  })

  test('without a login it is the text of the documents', async () => {
    const { run, server } = await loggedIn()
    await run(['auth', 'logout'])
    const { code, err } = await run(['tenants', 'list', '-s', server.url])
    expect([code, err.includes('Please log in first')]).toEqual([4, true])
  })
})
