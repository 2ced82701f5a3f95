/** `fob auth switch` and the trust in a project's .fob.toml, at a terminal and without one. */
import { afterEach, describe, expect, test } from 'bun:test'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fob } from '../../support/client/compiled-binary.ts'
import { testWith } from '../../support/real-parts/skip-without-part.ts'
import { type PeopleServer, startPeopleServer } from '../../support/servers/people-server.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { inTerminal, missingTerminalPart } from '../../support/real-parts/terminal.ts'

const servers: PeopleServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})

/** A home with Ada's and Bob's logins at one server, and that server as the chosen one. */
async function twoLogins() {
  const server = startPeopleServer(['acme'])
  servers.push(server)
  const home = temporaryFolder()
  for (const who of ['ada', 'bob']) {
    const args = ['auth', 'login', '--token-stdin', '--insecure-storage', '-s', server.url]
    const { code, err } = await fob(args, { home, stdin: `canary-${who}\n` })
    if (code !== 0) throw new Error(err)
  }
  const tokenOf = async (options: { cwd?: string } = {}) =>
    (await fob(['auth', 'token', '-s', server.url], { home, ...options })).out
  return { server, home, tokenOf }
}

/** A folder with such a file. */
function project(text: string): string {
  const cwd = temporaryFolder()
  writeFileSync(join(cwd, '.fob.toml'), text)
  return cwd
}

const ENTER = '\r'
const DOWN = '\u001b[B'
const CTRL_C = '\u0003'
const terminalTest = (title: string, run: () => Promise<void>) => testWith(missingTerminalPart(), title, run)

describe('fob auth switch', () => {
  terminalTest('asks on a terminal, and takes the one that is picked', async () => {
    const { home, server, tokenOf } = await twoLogins()
    expect(await tokenOf()).toBe('canary-bob\n')
    const terminal = inTerminal(['auth', 'switch'], { home })
    await terminal.saw(`ada@example.com at ${server.url}`)
    terminal.type(DOWN)
    await terminal.saw('ada@example.com')
    terminal.type(ENTER)
    const { code, sane, text } = await terminal.ended
    expect({ code, sane }).toEqual({ code: 0, sane: true })
    expect(text).toContain(`Commands use the login of ada@example.com at ${server.url} now`)
    expect(await tokenOf()).toBe('canary-ada\n')
  })

  terminalTest('Ctrl-C exits 130 and changes nothing', async () => {
    const { home, tokenOf } = await twoLogins()
    const terminal = inTerminal(['auth', 'switch'], { home })
    await terminal.saw('Which login')
    terminal.type(CTRL_C)
    const { code, sane } = await terminal.ended
    expect({ code, sane }).toEqual({ code: 130, sane: true })
    expect(await tokenOf()).toBe('canary-bob\n')
  })

  test('with no terminal and no answer it exits 2 within a second', async () => {
    const { home } = await twoLogins()
    const begun = performance.now()
    const { code, err } = await fob(['auth', 'switch'], { home })
    expect([code, err.includes('fob auth switch ACCOUNT')]).toEqual([2, true])
    expect(performance.now() - begun).toBeLessThan(1000)
  })
})

describe("a project's .fob.toml", () => {
  terminalTest('is asked about once on a terminal, and used after a yes', async () => {
    const { home, server, tokenOf } = await twoLogins()
    const cwd = project(`server = "${server.url}"\naccount = "ada"\n`)
    const terminal = inTerminal(['whoami'], { home, cwd })
    await terminal.saw('wants fob to use')
    terminal.type('y')
    const { code, sane, text } = await terminal.ended
    expect({ code, sane }).toEqual({ code: 0, sane: true })
    expect(text).toContain('ada@example.com')
    const again = await inTerminal(['whoami'], { home, cwd }).ended
    expect(again.text).not.toContain('wants fob to use')
    expect(await tokenOf({ cwd })).toBe('canary-ada\n')
  })

  terminalTest('Enter means no, and a no is remembered', async () => {
    const { home, server } = await twoLogins()
    const cwd = project('server = "https://evil.example.com"\n')
    const terminal = inTerminal(['whoami', '-o', 'json'], { home, cwd })
    await terminal.saw('https://evil.example.com')
    terminal.type(ENTER)
    expect((await terminal.ended).text).toContain(server.url)
    const again = await inTerminal(['whoami'], { home, cwd }).ended
    expect(again.text).not.toContain('evil')
  })

  terminalTest('one that names more than it may is an error before any question', async () => {
    const { home } = await twoLogins()
    const terminal = inTerminal(['whoami'], { home, cwd: project('token = "canary-evil"\n') })
    const { code, text } = await terminal.ended
    expect([code, text.includes('"token" is not allowed'), text.includes('canary-evil')]).toEqual([
      2,
      true,
      false,
    ])
  })

  test.each([
    ['in CI', { env: { CI: 'true' } }],
    ['with a token of the environment', { env: { FOB_TOKEN: 'canary-ada' } }],
  ])('no token goes where an unknown one points: %s', async (_, options) => {
    const { home } = await twoLogins()
    const evil = startPeopleServer(['acme'])
    servers.push(evil)
    const cwd = project(`server = "${evil.url}"\n`)
    const { err } = await fob(['tenants', 'list'], { home, cwd, ...options })
    expect(err).toContain('.fob.toml is ignored until you allow it: fob auth trust')
    expect(evil.requests).toEqual([])
    expect(existsSync(join(home, '.fob', 'trusted.json'))).toBe(false)
  })

  test('S43: hand-made files of the documented form and ours live in the same file', async () => {
    const { home, server } = await twoLogins()
    const file = join(home, '.fob', 'credentials')
    const document = JSON.parse(readFileSync(file, 'utf8'))
    expect(document.servers[server.url].token).toBe('canary-bob')
    document.servers['https://by.hand'] = { token: 'plain' }
    writeFileSync(file, JSON.stringify(document))
    const { out } = await fob(['auth', 'token', '-s', 'https://by.hand'], { home })
    expect(out).toBe('plain\n')
  })
})
