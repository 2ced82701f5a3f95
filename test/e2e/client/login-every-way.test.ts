/** Every method of `fob auth login` stores the same login, and leaves no verifier or code behind. */
import { describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { scriptedBrowser } from '../../support/client/approving-browser.ts'
import { type Ended, environment, fob, FOB, type Options } from '../../support/client/compiled-binary.ts'
import { startOAuthServer, type TestOAuthServer } from '../../support/servers/oauth-server.ts'
import { temporaryFolder } from '../../support/temporary.ts'

type Login = (server: TestOAuthServer, args: readonly string[], options: Options) => Promise<Ended>

/** `--no-browser`, with somebody at the other end of the pipe. */
const paste: Login = async (_, args, options) => {
  const child = Bun.spawn([FOB, ...args, '--no-browser'], {
    ...environment(options),
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const decoder = new TextDecoder()
  let err = ''
  let answered = false
  for await (const chunk of child.stderr) {
    err += decoder.decode(chunk, { stream: true })
    if (answered || !err.includes('Paste it here')) continue
    answered = true
    const address = /http\S+authorize\S+/.exec(err)?.[0] ?? ''
    const { headers } = await fetch(address, { redirect: 'manual' })
    void child.stdin.write(`${headers.get('location')}\n`)
    void child.stdin.flush()
  }
  return { code: await child.exited, out: await new Response(child.stdout).text(), err }
}

const WAYS: [string, Login][] = [
  ['browser', (_, args, options) => fob(args, { ...options, env: { BROWSER: scriptedBrowser().command } })],
  ['--no-browser', paste],
  [
    '--device',
    (server, args, options) => {
      server.behaviour.device = { interval: 1 }
      return fob([...args, '--device'], { ...options, env: { BROWSER: 'true' } })
    },
  ],
  [
    '--token-stdin',
    (server, args, options) => {
      server.valid.add('canary-pat')
      return fob([...args, '--token-stdin'], { ...options, stdin: 'canary-pat' })
    },
  ],
]

/** Every file under `folder`, as one text. */
function contents(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path, 'utf8'))
    .join('\n')
}

describe('one result, whatever the way', () => {
  test.each(WAYS)(
    'S196, S197: %s stores a token and the tenant, and later commands use both',
    async (_, login) => {
      await using server = startOAuthServer()
      const home = temporaryFolder()
      const args = ['auth', 'login', '-s', server.url, '--tenant', 'acme', '--insecure-storage']
      const { code, out, err } = await login(server, args, { home })
      expect([code, out]).toEqual([0, ''])
      expect(err).toContain(`Logged in to ${server.url} as Ada Lovelace ada@example.com`)
      expect(err).not.toContain('canary')
      expect(JSON.parse((await fob(['whoami', '-o', 'json'], { home })).out)).toMatchObject({
        name: 'Ada Lovelace',
        tenant: 'acme',
      })
      expect(server.valid.has((await fob(['auth', 'token'], { home })).out.trim())).toBe(true)
    },
  )

  test.each(WAYS.filter(([name]) => name !== '--token-stdin'))(
    'S213, S239: %s sends no client secret, and leaves verifier and code nowhere',
    async (_, login) => {
      await using server = startOAuthServer()
      const home = temporaryFolder()
      const args = ['auth', 'login', '-s', server.url, '--insecure-storage', '--debug']
      const { code, out, err } = await login(server, args, { home })
      expect(code).toBe(0)
      const left = `${contents(home)}\n${out}\n${err}`
      expect(left).toContain('Ada Lovelace')
      const forms = [...server.seen.token, ...server.seen.device, ...server.seen.authorize]
      expect(forms.length).toBeGreaterThan(0)
      for (const form of forms) {
        expect(form.has('client_secret')).toBe(false)
        for (const name of ['code_verifier', 'code', 'device_code']) {
          const value = form.get(name)
          if (value !== null) expect(left).not.toContain(value)
        }
      }
    },
  )
})
