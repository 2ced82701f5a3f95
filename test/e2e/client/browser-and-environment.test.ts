/** The programs that the binary starts to open a browser, and the environment that they get. */
import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { shellScript } from '../../support/client/approving-browser.ts'
import { environment, fob, FOB } from '../../support/client/compiled-binary.ts'
import { testWith } from '../../support/real-parts/skip-without-part.ts'
import { startOAuthServer } from '../../support/servers/oauth-server.ts'
import { missingWslPart, standInWsl } from '../../support/stand-ins/wsl.ts'
import { temporaryFolder } from '../../support/temporary.ts'

/** A folder for `PATH` whose program `name` notes its arguments and its environment. */
function onlyProgram(name: string, exitCode = 0) {
  const folder = temporaryFolder()
  const script = shellScript(`echo "$@" >'${folder}/args'; /usr/bin/env >'${folder}/env'; exit ${exitCode}`)
  Bun.spawnSync(['/bin/cp', script, join(folder, name)])
  const read = (file: string) =>
    existsSync(join(folder, file)) ? readFileSync(join(folder, file), 'utf8').trim() : undefined
  return { folder, args: () => read('args'), env: () => read('env') }
}

/** A device login whose page the binary opens, and that ends at a poll after `opened`. */
async function deviceLogin(
  env: Record<string, string>,
  { prefix = [], opened = () => true }: { prefix?: string[]; opened?: () => boolean } = {},
) {
  await using server = startOAuthServer()
  server.behaviour.device = { interval: 1 }
  server.behaviour.polls = []
  const approve = setInterval(() => {
    if (opened()) server.behaviour.polls = ['ok']
  }, 20)
  const child = Bun.spawn(
    [...prefix, FOB, 'auth', 'login', '-s', server.url, '--device', '--insecure-storage'],
    {
      // Without a display only $BROWSER is tried.
      ...environment({ env: { DISPLAY: ':9', ...env } }),
      stdout: 'pipe',
      stderr: 'pipe',
    },
  )
  const err = await new Response(child.stderr).text()
  clearInterval(approve)
  return { code: await child.exited, err, url: /http\S+/.exec(err.slice(err.indexOf(server.url)))?.[0] ?? '' }
}

describe('the browser of the system', () => {
  test.each([['xdg-open'], ['sensible-browser'], ['x-www-browser']])(
    '%s is started with the URL',
    async (name) => {
      const program = onlyProgram(name)
      const { code, url } = await deviceLogin({ PATH: program.folder })
      expect({ code, args: program.args() }).toEqual({ code: 0, args: url })
    },
  )

  test('$BROWSER with arguments comes first', async () => {
    const program = onlyProgram('xdg-open')
    const note = join(temporaryFolder(), 'args')
    const own = shellScript(`printf '%s|' "$@" >'${note}'`)
    const { code, url } = await deviceLogin({
      PATH: program.folder,
      BROWSER: `${own} --new "%s" 'last word'`,
    })
    expect({ code, args: readFileSync(note, 'utf8') }).toEqual({ code: 0, args: `--new|${url}|last word|` })
    expect(program.args()).toBeUndefined()
  })

  test('without anything that opens it, the URL is printed', async () => {
    const { code, err, url } = await deviceLogin({ PATH: '/nonexistent' })
    expect(code).toBe(0)
    expect(err).toContain(url)
    expect(url).toStartWith('http://127.0.0.1')
  })

  test('an opener that fails gives way to the next one', async () => {
    const failing = onlyProgram('xdg-open', 3)
    const next = onlyProgram('x-www-browser')
    const { url } = await deviceLogin(
      { PATH: `${failing.folder}:${next.folder}` },
      { opened: () => next.args() !== undefined },
    )
    expect([failing.args(), next.args()]).toEqual([url, url])
  })

  testWith(missingWslPart(), 'in WSL, Windows is told to open it', async () => {
    const wsl = standInWsl(0)
    const program = onlyProgram('xdg-open')
    const { code, url } = await deviceLogin(
      { PATH: `${program.folder}:/mnt/bin:/usr/bin:/bin:/usr/sbin` },
      { prefix: wsl.prefix },
    )
    expect({ code, script: wsl.script() }).toEqual({
      code: 0,
      script: `$ProgressPreference = 'SilentlyContinue'; Start '${url}'`,
    })
    // A URL is no path of Linux, and xdg-open would find no browser.
    expect([wsl.wslpath(), program.args()]).toEqual(['', undefined])
  })

  testWith(missingWslPart(), 'in WSL without PowerShell, the programs of Linux are tried', async () => {
    const wsl = standInWsl(undefined)
    const program = onlyProgram('xdg-open')
    const { code, url } = await deviceLogin(
      { PATH: `${program.folder}:/usr/bin:/bin:/usr/sbin` },
      { prefix: wsl.prefix, opened: () => program.args() !== undefined },
    )
    expect({ code, args: program.args() }).toEqual({ code: 0, args: url })
  })

  testWith(missingWslPart(), 'in WSL, where PowerShell fails, too', async () => {
    const wsl = standInWsl(1)
    const program = onlyProgram('x-www-browser')
    const { code, url } = await deviceLogin(
      { PATH: `${program.folder}:/usr/bin:/bin:/usr/sbin` },
      { prefix: wsl.prefix, opened: () => program.args() !== undefined },
    )
    expect({ code, args: program.args() }).toEqual({ code: 0, args: url })
  })
})

describe('what is for fob alone', () => {
  const PRIVATE = {
    FOB_SECRETS_SQLITE_PASSPHRASE: 'canary-passphrase',
    CI_AUTH_TOKEN: 'canary-ci-token',
    BUN_CONFIG_VERBOSE_FETCH: 'curl',
  }

  test.each([['xdg-open'], ['$BROWSER']])(
    'is not in the environment of %s, nor are tokens on stderr',
    async (name) => {
      const program = onlyProgram(name === '$BROWSER' ? 'own' : name)
      const browser = name === '$BROWSER' ? { BROWSER: join(program.folder, 'own') } : {}
      const { code, err } = await deviceLogin({ ...PRIVATE, ...browser, PATH: program.folder, SEEN: 'yes' })
      expect(code).toBe(0)
      expect(program.env()).toContain('SEEN=yes')
      expect(program.env()).not.toMatch(/canary|^(?:FOB|CI|BUN)_/m)
      expect(err).not.toMatch(/canary|authorization:|curl /i)
    },
  )

  test.each([
    ['FOB_TOKEN', 'canary-pat'],
    ['CI_AUTH_TOKEN', 'canary-pat'],
    ['FOB_JWT_TOKEN', jwt()],
  ])('BUN_CONFIG_VERBOSE_FETCH does not print the token of %s', async (name, token) => {
    await using server = startOAuthServer()
    server.valid.add(token)
    for (const verbose of ['curl', '1', 'true']) {
      const env = { [name]: token, BUN_CONFIG_VERBOSE_FETCH: verbose }
      const { out, err } = await fob(['pipeline', 'list', '-s', server.url], { env })
      expect(server.headers.some((headers) => headers.get('authorization')?.includes(token))).toBe(true)
      expect(out + err).not.toContain(token)
      expect(err).not.toMatch(/authorization|curl /i)
    }
  })
})

function jwt(): string {
  const [header, claims] = [{ alg: 'HS256' }, { sub: 'canary', exp: 4_000_000_000 }].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  )
  return `${header}.${claims}.${'s'.repeat(43)}`
}
