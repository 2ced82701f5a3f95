/** A team on the compiled binary: two tenants, logins with GitHub, people who are added before their first login. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { notingBrowser } from '../../support/client/binary-login.ts'
import { type Ended, fob, start } from '../../support/client/compiled-binary.ts'
import { freePort } from '../../support/free-port.ts'
import { httpBrowser } from '../../support/servers/http-browser.ts'
import { type Github, startGithub } from '../../support/stand-ins/github.ts'
import { inTerminal, missingTerminalPart } from '../../support/real-parts/terminal.ts'
import { testWith } from '../../support/real-parts/skip-without-part.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const YOU = 'you@corp.example'
const PASSWORD = 'correct horse battery'

const folder = temporaryFolder()
const config = join(folder, 'fob.toml')
const url = `http://127.0.0.1:${freePort()}`
/** The administrator's machine. */
const home = temporaryFolder()
let github: Github
let server: ReturnType<typeof start>

beforeAll(async () => {
  github = startGithub(`${url}/auth/github/callback`)
  const listen = ['--listen', url.slice('http://'.length), '--oauth-callback-url', url]
  const init = ['server', 'init', YOU, '--config', config, '--data', join(folder, 'data'), ...listen]
  const made = await fob([...init, '--password-stdin'], { stdin: `${PASSWORD}\n` })
  if (made.code !== 0) throw new Error(made.err)
  writeFileSync(join(folder, 'github-secret'), github.clientSecret, { mode: 0o600 })
  appendFileSync(
    config,
    `\n[oauth.github]\nclient_id = "${github.clientId}"\nclient_secret_file = "github-secret"\nurl = "${github.url}"\n`,
  )
  server = start(['server', '--config', config])
  await server.saw('"listening"')
  await logIn(home, async (address) => {
    const browser = httpBrowser()
    const consent = await browser.submit(
      await browser.open(address),
      { email: YOU, password: PASSWORD },
      'Sign in',
    )
    return browser.submit(consent, {}, 'Authorize')
  })
}, 60_000)
afterAll(async () => {
  server.child.kill('SIGINT')
  await server.ended
  await github.stop()
})

/** `fob auth login` on a machine, and what the person does in the browser. */
async function logIn(machine: string, inBrowser: (address: string) => Promise<unknown>): Promise<Ended> {
  const browser = notingBrowser()
  const running = start(['auth', 'login', '-s', url, '--insecure-storage'], {
    home: machine,
    env: { BROWSER: browser.command },
  })
  await inBrowser(await browser.opened())
  return running.ended
}

/** Somebody at GitHub logs in on a machine of their own. */
async function logInFromGithub(
  id: number,
  login: string,
  email: string,
): Promise<Ended & { machine: string }> {
  Object.assign(github.person, {
    id,
    login,
    emails: [{ email, primary: true, verified: true, visibility: null }],
  })
  const machine = temporaryFolder()
  const ended = await logIn(machine, async (address) => {
    const browser = httpBrowser()
    const page = await browser.follow(await browser.open(address), 'Continue with GitHub')
    return page.html.includes('Authorize') ? browser.submit(page, {}, 'Authorize') : page
  })
  return { ...ended, machine }
}

const you = (...args: string[]) => fob([...args, '-s', url], { home })
const admin = (...args: string[]) => fob(['server', ...args, '--config', config])

describe('a team of three in two tenants', () => {
  test('is set up before two of them have logged in, and nobody else is let in', async () => {
    expect(await admin('tenant', 'add', 'acme')).toMatchObject({ code: 0 })
    expect(await admin('tenant', 'member', 'add', 'acme', YOU, '--role', 'admin')).toMatchObject({ code: 0 })
    expect(await you('tenants', 'members', 'add', 'github:octocat', '--role', 'viewer')).toMatchObject({
      code: 0,
      err: expect.stringContaining('github:octocat becomes viewer at the first login, until 20'),
    })
    const added = await you('tenants', 'members', 'add', 'alice@corp.example', '-t', 'acme', '-o', 'json')
    expect(JSON.parse(added.out)).toMatchObject({ person: 'alice@corp.example', pending: true, set: true })
    const listed = await you('tenants', 'members', 'list', '-t', 'acme', '-o', 'json')
    expect(JSON.parse(listed.out)).toMatchObject([
      { person: 'alice@corp.example', role: 'member', pending: true, admitted: null },
      { person: YOU, role: 'admin', pending: false, admitted: true },
    ])

    const octocat = await logInFromGithub(583_231, 'octocat', 'octocat@example.com')
    expect(octocat).toMatchObject({ code: 0 })
    const alice = await logInFromGithub(2, 'alice-at-work', 'alice@corp.example')
    expect(alice).toMatchObject({ code: 0 })
    const tenants = await fob(['tenants', 'list', '-s', url, '-o', 'json'], { home: alice.machine })
    expect(JSON.parse(tenants.out)).toMatchObject([{ slug: 'acme', role: 'member' }])
    const forbidden = await fob(['tenants', 'members', 'list', '-s', url], { home: alice.machine })
    expect(forbidden).toMatchObject({ code: 5 })

    const stranger = await logInFromGithub(3, 'mallory', 'mallory@example.com')
    expect(stranger).toMatchObject({
      code: 4,
      err: expect.stringContaining('not a member of anything here yet'),
    })
    expect((await admin('user', 'list')).out).not.toContain('mallory')
  }, 60_000)

  test('takes people away by any of their names, also on the server’s machine', async () => {
    expect(await you('tenants', 'members', 'rm', 'octocat')).toMatchObject({
      code: 0,
      err: expect.stringContaining('the account is gone too'),
    })
    expect(await admin('user', 'rm', 'alice@corp.example')).toMatchObject({ code: 0 })
    expect((await admin('user', 'list', '-o', 'json')).out).not.toContain('github')
    expect(await you('tenants', 'members', 'rm', 'nobody')).toMatchObject({
      code: 6,
      err: expect.stringContaining('there is no member nobody'),
    })
  })
})

describe('an invitation', () => {
  test('is printed once, opens to one person, and is listed and revoked', async () => {
    const created = await you('tenants', 'invitations', 'create', '--role', 'viewer', '-t', 'acme')
    expect(created).toMatchObject({ code: 0, err: expect.stringContaining('shown now and never again') })
    const link = created.out.trim()
    expect(link).toStartWith(`${url}/invitation#iv_`)
    Object.assign(github.person, { id: 4, login: 'dana' })
    const browser = httpBrowser()
    const opened = await browser.submit(await browser.open(link), { secret: link }, 'Open')
    expect((await browser.follow(opened, 'Accept with GitHub')).html).toContain('You are a member')
    expect((await you('tenants', 'members', 'list', '-t', 'acme')).out).toContain('github:dana')

    const other = await you('tenants', 'invitations', 'create', '--email', 'eve@corp.example', '-o', 'json')
    const { id } = JSON.parse(other.out) as { id: string }
    const listed = await you('tenants', 'invitations', 'list')
    expect(listed.out).toContain('eve@corp.example')
    expect(listed.out).not.toContain('iv_')
    expect(await you('tenants', 'invitations', 'revoke', id)).toMatchObject({ code: 0 })
    expect(await you('tenants', 'invitations', 'revoke', id)).toMatchObject({ code: 6 })
    expect(server.err()).not.toContain(link.split('#')[1] ?? '')
  }, 30_000)
})

const passwd = (stdin: string, ...args: string[]) =>
  fob(['auth', 'passwd', '--password-stdin', '-s', url, ...args], { home, stdin })

describe('fob auth passwd', () => {
  test('changes it and keeps this login', async () => {
    expect(await passwd(`not it at all\nanother password\n`)).toMatchObject({
      code: 4,
      err: expect.stringContaining('the current password is not right'),
    })
    expect(await passwd(`${PASSWORD}\n`)).toMatchObject({ code: 2 })
    const done = await passwd(`${PASSWORD}\nanother password\n`, '-o', 'json')
    expect([done.code, JSON.parse(done.out)]).toEqual([0, { server: url, changed: true }])
    expect(await you('auth', 'status', '--check')).toMatchObject({ code: 0 })
    expect(await fob(['auth', 'passwd', '-s', url], { home })).toMatchObject({ code: 2 })
  })

  testWith(
    missingTerminalPart(),
    'asks at a terminal: for the old one, and twice for the new one',
    async () => {
      const terminal = inTerminal(['auth', 'passwd', '-s', url], { home })
      for (const [question, words] of [
        ['old password', 'another password'],
        ['new password', 'canary of a password'],
        ['new password again', 'canary of a password'],
      ] as const) {
        await terminal.saw(question)
        terminal.type(`${words}\r`)
      }
      const { code, sane, text } = await terminal.ended
      expect([code, sane, text.includes('canary')]).toEqual([0, true, false])
    },
  )

  test('says where somebody from a provider changes it', async () => {
    await you('tenants', 'members', 'add', 'github:9')
    const { machine } = await logInFromGithub(9, 'nina', 'nina@example.com')
    const stdin = 'one password\nanother password\n'
    const refused = await fob(['auth', 'passwd', '--password-stdin', '-s', url], { home: machine, stdin })
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('change the password there') })
  })
})
