/** The auth commands as real processes: signals, exit codes, the modules they load, and variables they ignore. */
import { describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { childEnv } from '../../../../src/platform/processes/own-and-child-environment.ts'
import { isCallbackListenerGone } from '../../../support/client/callback-listener-gone.ts'
import { scriptedBrowser } from '../../../support/client/approving-browser.ts'
import { missingKeyringPart, runWithKeyring } from '../../../support/real-parts/keyring.ts'
import { startOAuthServer } from '../../../support/servers/oauth-server.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

const MAIN = join(import.meta.dir, '../../../../src/main.ts')
const SRC = join(import.meta.dir, '../../../../src')

const missing = missingKeyringPart()
const withKeyring = test.skipIf(missing !== undefined)
const named = (title: string) => (missing === undefined ? title : `${title} (skipped: needs ${missing})`)

/** One command as a shell would be given it. */
const fob = (words: string) => `"${process.execPath}" "${MAIN}" ${words}`

/** Runs one command line in a process and prints which files of ours and of others it has loaded. */
async function loadedBy(words: string[], home: string, browser = 'true'): Promise<string> {
  const code = `const { runCommandLine } = await import(${JSON.stringify(join(SRC, 'cli/run-command-line.ts'))})
const { systemDeps } = await import(${JSON.stringify(join(SRC, 'cli/deps.ts'))})
const status = await runCommandLine(${JSON.stringify(words)}, systemDeps(new AbortController().signal, { listener: undefined }))
console.error('status ' + status + '\\n' + Object.keys(require.cache).join('\\n'))
process.exit(0)`
  const script = join(temporaryFolder(), 'loaded.ts')
  writeFileSync(script, code)
  const env = { ...childEnv(process.env), FOB_HOME: home, BROWSER: browser }
  const child = Bun.spawn([process.execPath, script], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  return new Response(child.stderr).text()
}

describe('fob as a process', () => {
  withKeyring(
    named('S198: the credential goes to a real keychain, comes back from it, and leaves it at logout'),
    async () => {
      await using server = startOAuthServer()
      const home = join(temporaryFolder(), '.fob')
      const { command } = scriptedBrowser()
      const script = [
        fob(`auth login -s ${server.url}`),
        `cat "${home}/credentials"`,
        fob('auth token'),
        fob('auth status -o json'),
        fob('auth logout'),
        fob('auth token'),
      ].join('; echo "=$?="; ')
      const env = { FOB_HOME: home, BROWSER: command, FOB_AUTH_CONFIG: undefined }
      const { stdout, stderr } = await runWithKeyring('unlocked', ['sh', '-c', `${script}; echo "=$?="`], env)
      const [login, file, token, status, logout, after] = stdout.split(/=\d+=\n/)
      expect(stdout.match(/=\d+=/g)).toEqual(['=0=', '=0=', '=0=', '=0=', '=0=', '=4='])
      expect([login, logout, after]).toEqual(['', '', ''])
      expect(stderr).toContain('The credential is stored in the keychain')
      expect(stderr).not.toContain('canary')
      expect(file).not.toContain('canary')
      expect(token).toMatch(/^canary-access-\w+\n$/)
      expect(JSON.parse(status ?? '')[0]).toMatchObject({ storage: 'keychain', renewable: true })
    },
  )

  withKeyring(
    named('S199, S246: a locked keychain falls back to the file with one warning that says why'),
    async () => {
      await using server = startOAuthServer()
      const home = join(temporaryFolder(), '.fob')
      const { command } = scriptedBrowser()
      const env = { FOB_HOME: home, BROWSER: command }
      const cmd = [process.execPath, MAIN, 'auth', 'login', '-s', server.url]
      const { code, stderr } = await runWithKeyring('locked', cmd, env)
      expect(code).toBe(0)
      expect(stderr.match(/warning: .*/g)).toEqual([
        `warning: the keychain cannot be used, it is locked; the credential rests in ${home}/credentials, readable only by you`,
      ])
    },
  )

  test('Ctrl-C while it waits: exit 130, nothing written, the port free again', async () => {
    await using server = startOAuthServer()
    const home = join(temporaryFolder(), '.fob')
    const child = Bun.spawn([process.execPath, MAIN, 'auth', 'login', '-s', server.url], {
      env: { ...childEnv(process.env), FOB_HOME: home, BROWSER: 'true' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let err = ''
    const decoder = new TextDecoder()
    for await (const chunk of child.stderr) {
      err += decoder.decode(chunk, { stream: true })
      if (err.includes('Waiting for your approval')) child.kill('SIGINT')
    }
    expect([await child.exited, existsSync(join(home, 'credentials'))]).toEqual([130, false])
    const authorize = new URL(/http\S+authorize\S+/.exec(err)?.[0] ?? '')
    expect(await isCallbackListenerGone(authorize)).toBe(true)
  })

  const HEAVY = /node_modules\/(openid-client|oauth4webapi|keytar|@clack|smol-toml|eventsource-parser|jose)\//

  test('auth token from the file loads no library for logins, keychains, prompts or TOML', async () => {
    const home = temporaryFolder()
    const servers = { 'https://a': { token: 'x', storage: 'file' } }
    writeFileSync(join(home, 'credentials'), JSON.stringify({ servers }))
    const loaded = await loadedBy(['auth', 'token'], home)
    expect(loaded).toContain('status 0\n')
    expect(loaded).toContain('commands/auth/token.ts')
    expect(loaded).not.toMatch(HEAVY)
    expect(loaded).not.toMatch(/src\/(flows|server)\//)
  })

  test('the same look at a login does find them', async () => {
    await using server = startOAuthServer()
    const home = temporaryFolder()
    writeFileSync(join(home, 'config.toml'), '')
    const { command } = scriptedBrowser()
    const words = ['auth', 'login', '--insecure-storage', '-s', server.url]
    const loaded = await loadedBy(words, home, command)
    expect(loaded).toContain('status 0\n')
    expect(loaded).toMatch(HEAVY)
  })

  test('R1: CI_SERVER_URL is never followed, whatever GitLab puts there', async () => {
    await using server = startOAuthServer()
    const home = join(temporaryFolder(), '.fob')
    mkdirSync(home)
    writeFileSync(join(home, 'credentials'), '{}')
    const child = Bun.spawn([process.execPath, MAIN, 'whoami'], {
      env: { ...childEnv(process.env), FOB_HOME: home, CI_SERVER_URL: server.url, CI: 'true' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    expect(await child.exited).toBe(4)
    expect(await new Response(child.stderr).text()).toContain('not logged in to http://localhost:8080')
    expect([server.requests, readFileSync(join(home, 'credentials'), 'utf8')]).toEqual([[], '{}'])
  })
})
