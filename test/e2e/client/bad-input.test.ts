/** Servers that must not start and logins that must not succeed: exit codes, messages, and untouched data. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { binaryLogin, notingBrowser } from '../../support/client/binary-login.ts'
import { isCallbackListenerGone } from '../../support/client/callback-listener-gone.ts'
import { fob, start } from '../../support/client/compiled-binary.ts'
import { ADA, type BinaryServer, startBinaryServer } from '../../support/servers/binary-server.ts'
import { httpBrowser } from '../../support/servers/http-browser.ts'
import { freePort } from '../../support/free-port.ts'
import { temporaryFolder } from '../../support/temporary.ts'

let server: BinaryServer
beforeAll(async () => {
  server = await startBinaryServer()
})
afterAll(() => server.stop())

describe('a server that must not start', () => {
  test('S2: both strategies set: exit 2, and both are named', async () => {
    const { code, err } = await fob(['server', '--local-accounts', '--basic-auth-username', 'admin'], {
      env: {
        FOB_BASIC_AUTH_PASSWORD: 'canary-password',
        FOB_OAUTH_SESSION_SECRET: 'canary-secret-of-32-bytes-or-more',
        FOB_OAUTH_CALLBACK_URL: 'http://localhost:1',
      },
    })
    expect(code).toBe(2)
    expect(err).toContain('--basic-auth-username and --local-accounts cannot both be set')
    expect(err).not.toContain('canary')
  })

  test('a port in use: exit 2, and the running server is not disturbed', async () => {
    const port = new URL(server.url).port
    const { code, err } = await fob(['server', '--listen', `127.0.0.1:${port}`])
    expect(code).toBe(2)
    expect(err).toContain(`cannot listen on 127.0.0.1:${port}: another program has that port`)
    expect((await fetch(`${server.url}/health`)).status).toBe(200)
  })

  test('a data folder in use: exit 2', async () => {
    const { code, err } = await fob(['server', '--listen', '127.0.0.1:0', '--data', server.dataDir])
    expect(code).toBe(2)
    expect(err).toContain('another server is using')
  })

  test('S55: a wrong passphrase: exit 2, and the data is untouched', async () => {
    const other = await startBinaryServer({ passphrase: 'correct horse' })
    await other.stop()
    const before = readFileSync(join(other.dataDir, 'fob.db'))
    writeFileSync(join(other.settingsFile, '..', 'passphrase'), 'not the passphrase')
    const { code, err } = await fob(['server', '--config', other.settingsFile])
    expect(code).toBe(2)
    expect(err).toContain('wrong passphrase')
    expect(readFileSync(join(other.dataDir, 'fob.db')).equals(before)).toBe(true)
  })

  test('a settings file with a misspelt key: exit 2, and the key is named', async () => {
    const path = join(temporaryFolder(), 'fob.toml')
    writeFileSync(path, '[oauth]\nsesion_secret = "x"\n')
    const { code, err } = await fob(['server', '--config', path])
    expect(code).toBe(2)
    expect(err).toContain('unknown key "oauth-sesion-secret"')
  })

  test('a settings file that is not TOML: exit 2, with the place', async () => {
    const path = join(temporaryFolder(), 'fob.toml')
    writeFileSync(path, 'a = 1\nb = = 2\n')
    const { code, err } = await fob(['server', '--config', path])
    expect(code).toBe(2)
    expect(err).toContain('fob.toml:2:')
  })
})

describe('a login that must not succeed', () => {
  test('a server that is down: exit 7, and nothing is stored', async () => {
    const home = temporaryFolder()
    const { code, err } = await fob(['auth', 'login', '-s', `http://127.0.0.1:${freePort()}`], { home })
    expect(code).toBe(7)
    expect(err).toContain('http://127.0.0.1:')
    expect(existsSync(join(home, '.fob', 'credentials'))).toBe(false)
  })

  test('a denied consent: exit 4, and nothing is stored', async () => {
    const home = temporaryFolder()
    const { code, err, page } = await binaryLogin(server.url, { home, button: 'Deny' })
    expect(code).toBe(4)
    expect(err).toContain('fob: ')
    expect(page.html).not.toContain('✓')
    expect(existsSync(join(home, '.fob', 'credentials'))).toBe(false)
  })

  test('a wrong password stays on the page, says nothing about which part was wrong, and the login can go on', async () => {
    const home = temporaryFolder()
    const browser = notingBrowser()
    const running = start(['auth', 'login', '-s', server.url, '--insecure-storage'], {
      home,
      env: { BROWSER: browser.command },
    })
    const http = httpBrowser()
    const signIn = await http.open(await browser.opened())
    const refused = await http.submit(signIn, { email: ADA.email, password: 'canary-wrong-password' })
    const unknown = await http.submit(refused, {
      email: 'nobody@example.com',
      password: 'canary-wrong-password',
    })
    expect([refused.status, unknown.status]).toEqual([401, 401])
    expect(alert(refused.html)).toBe(alert(unknown.html) as string)
    expect(refused.html + unknown.html).not.toContain('canary')
    const consent = await http.submit(unknown, ADA)
    await http.submit(consent, {}, 'Authorize')
    expect((await running.ended).code).toBe(0)
  })

  test('Ctrl-C in the middle: exit 130, the listener is gone and nothing is stored', async () => {
    const home = temporaryFolder()
    const browser = notingBrowser()
    const running = start(['auth', 'login', '-s', server.url], { home, env: { BROWSER: browser.command } })
    const url = new URL(await browser.opened())
    running.child.kill('SIGINT')
    expect((await running.ended).code).toBe(130)
    expect(existsSync(join(home, '.fob', 'credentials'))).toBe(false)
    expect(await isCallbackListenerGone(url)).toBe(true)
  })
})

describe('a pipeline that must not run', () => {
  let home: string
  beforeAll(async () => {
    home = temporaryFolder()
    expect((await binaryLogin(server.url, { home })).code).toBe(0)
  })

  test('a syntax error: exit 2, with file, line and column', async () => {
    writeFileSync(
      join(home, 'broken.ts'),
      'const pipeline = async () => {\n  const a = ;\n}\nexport { pipeline }\n',
    )
    const { code, err } = await fob(['pipeline', 'set', 'broken.ts'], { home, cwd: home })
    expect(code).toBe(2)
    expect(err).toMatch(/^fob: broken\.ts:2:\d+: /)
    expect((await fob(['pipeline', 'show', 'broken'], { home })).code).toBe(6)
  })

  test('a pipeline that is not UTF-8 is refused with the line', async () => {
    const first = Buffer.from('// ü\n')
    const second = Buffer.from('export const pipeline = () => console.log("ü")\n', 'latin1')
    writeFileSync(join(home, 'it.ts'), Buffer.concat([first, second]))
    const { code, err } = await fob(['pipeline', 'set', 'it.ts'], { home, cwd: home })
    expect([code, err]).toEqual([2, 'fob: it.ts:2: this is not UTF-8 text\n'])
  })

  const FINE = 'export const pipeline = async () => {}\n'
  test.each<[string, string, string[], string]>([
    ['a file with nothing in it', '', [], 'it.ts is empty'],
    [
      'no export',
      'const x = 1\n',
      [],
      'it.ts: no function named pipeline is exported\nhint: end the file with',
    ],
    [
      'an import',
      `import fs from 'node:fs'\n${FINE}`,
      [],
      'it.ts:1:16: a pipeline cannot import "node:fs"\nhint: what a pipeline may call is there without an import: "fob pipeline types"',
    ],
    [
      'a decorator',
      `class A {\n  @once m() {}\n}\n${FINE}`,
      [],
      'it.ts:2:3: a pipeline cannot have decorators\nhint: call the function',
    ],
    [
      'a pipeline that is no function',
      'export const pipeline = 42\n',
      [],
      'it.ts:1:14: the export "pipeline" is not a function',
    ],
    [
      'a secret without a name',
      `export const pipeline = () => runtime.run({ env: { N: 'secret:' } })\n`,
      [],
      'it.ts:1:55: secret: names no secret\nhint: write secret:KEY',
    ],
    ['a driver that is none', FINE, ['--driver', 'podman'], '--driver takes native or docker\n'],
    ['a name that is none', FINE, ['-n', 'a/b'], 'a pipeline name has up to 100 letters'],
    ['a minute that is none', FINE, ['--schedule', '61 * * * *'], '"61 * * * *" is not a schedule'],
    ['a day that never comes', FINE, ['--schedule', '0 0 30 2 *'], '"0 0 30 2 *" never happens'],
    [
      'a time zone that is none',
      FINE,
      ['--schedule', '@daily', '--time-zone', 'Mars/Base'],
      'there is no time zone "Mars/Base"\nhint: for example Europe/Paris',
    ],
    [
      'a time zone of nothing',
      FINE,
      ['--time-zone', 'Europe/Paris'],
      '--time-zone and --catch-up need --schedule',
    ],
    [
      'a mode that is none',
      FINE,
      ['--concurrency', 'at-once'],
      '--concurrency takes parallel, serial or cancel-previous\n',
    ],
    ['a secret without a value', FINE, ['-e', 'KEY'], '--secret takes KEY=VALUE'],
  ])('set with %s: exit 2, and the next step', async (_, source, flags, message) => {
    writeFileSync(join(home, 'it.ts'), source)
    const { code, err } = await fob(['pipeline', 'set', 'it.ts', ...flags], { home, cwd: home })
    expect([code, err]).toEqual([2, expect.stringContaining(`fob: ${message}`)])
    expect((await fob(['pipeline', 'show', 'it'], { home })).code).toBe(6)
  })

  test('a pipeline that does not exist: exit 6', async () => {
    const { code, err } = await fob(['pipeline', 'run', 'nope'], { home })
    expect(code).toBe(6)
    expect(err).toBe('fob: pipeline nope not found\nhint: "fob pipeline list" shows those that you may see\n')
  })

  test('a task whose program does not exist: the run fails and names it', async () => {
    writeFileSync(
      join(home, 'nothing.ts'),
      `export const pipeline = async () => {
        const r = await runtime.run({ name: 't', image: 'x', command: { path: 'no-such-program-here' } })
        console.log('status', r.status)
        if (r.code !== 0) throw new Error('the task did not run')
      }`,
    )
    await fob(['pipeline', 'set', 'nothing.ts'], { home, cwd: home })
    const { code, out, err } = await fob(['pipeline', 'run', 'nothing'], { home })
    expect(code).toBe(1)
    expect(out + err).toContain('no-such-program-here')
  })

  test('a run or a file that does not exist: exit 6 and 2', async () => {
    expect((await fob(['runs', 'show', 'run_ffff'], { home })).code).toBe(6)
    expect((await fob(['pipeline', 'set', 'absent.ts'], { home })).code).toBe(2)
  })

  test('with nobody to ask, a missing value is exit 2 and names what would answer', async () => {
    const { code, err } = await fob(['secrets', 'set', 'KEY'], { home, stdin: '' })
    expect(code).toBe(2)
    expect(err).toContain('value of KEY is empty')
  })

  test('errors are JSON with -o json', async () => {
    const { code, err } = await fob(['pipeline', 'show', 'nope', '-o', 'json'], { home })
    expect(code).toBe(6)
    expect(JSON.parse(err)).toMatchObject({ error: { code: 'not_found' } })
  })
})

test('nothing of these runs is left in the data folder', () => {
  expect(readdirSync(join(server.dataDir, 'runs')).length).toBe(0)
})

function alert(html: string): string | undefined {
  return /role="alert"[^>]*>([^<]*)/.exec(html)?.[1]
}
