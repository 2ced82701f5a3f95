/** Opening a browser: which URLs, over SSH, `$BROWSER`, the openers of the system, and failures of all of them. */
import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isOpenable, isRemoteSession, openBrowser } from '../../../src/platform/browser/open-browser.ts'
import { shellScript } from '../../support/client/approving-browser.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const url = 'http://127.0.0.1:1/authorize?a=1&b=%20;$(id)'

/** A browser that writes its arguments, one a line, and its BUN_OPTIONS. */
function recorder(): { command: string; args: () => string[] } {
  const file = join(temporaryFolder(), 'args')
  const command = shellScript(
    `for a in "$@"; do echo "$a"; done > '${file}'; echo "env:$BUN_OPTIONS" >> '${file}'`,
  )
  return { command, args: () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []) }
}

// In a process of its own: `open` gives its child the environment of the process.
async function openedBy(env: Record<string, string>): Promise<string> {
  const script = join(temporaryFolder(), 'open.ts')
  const source = join(import.meta.dir, '../../../src/platform/browser/open-browser.ts')
  writeFileSync(
    script,
    `import { openBrowser } from ${JSON.stringify(source)}
console.log(await openBrowser(${JSON.stringify(url)}, { env: process.env, platform: 'linux' }))
process.exit()
`,
  )
  const child = Bun.spawn([process.execPath, script], { env, stdout: 'pipe' })
  return (await new Response(child.stdout).text()).trim()
}

describe('isOpenable', () => {
  test.each([
    ['https://ci.example.com/x', true],
    ['http://127.0.0.1:8080/', true],
    ['http://127.8.9.1/', true],
    ['http://localhost:8080/', true],
    ['http://[::1]:8080/', true],
    ['http://ci.example.com/', false],
    ['http://127.0.0.1.evil.example/', false],
    ['http://localhost.evil.example/', false],
    ['file:///etc/passwd', false],
    ['javascript:alert(1)', false],
    ['https://user:pass@ci.example.com/', false],
    ['--new-window', false],
    ['', false],
  ])('%s: %p', (text, openable) => {
    expect(isOpenable(text)).toBe(openable)
  })
})

describe('isRemoteSession', () => {
  const ssh = { SSH_CONNECTION: '192.0.2.1 50000 192.0.2.2 22' }
  test.each([
    ['SSH_CONNECTION', ssh, true],
    ['SSH_TTY', { SSH_TTY: '/dev/pts/3' }, true],
    ['no SSH', {}, false],
    ['a forwarded display', { ...ssh, DISPLAY: 'localhost:10.0' }, false],
    ['Wayland', { ...ssh, WAYLAND_DISPLAY: 'wayland-0' }, false],
    ['a $BROWSER that an editor set for the other end', { ...ssh, BROWSER: '/opt/editor/browser' }, false],
    ['an empty display', { ...ssh, DISPLAY: '' }, true],
  ])('%s: %p', (_, env, remote) => {
    expect(isRemoteSession(env)).toBe(remote)
  })
})

describe('openBrowser', () => {
  test('an opener that fails after it counted as started is followed by the next one', async () => {
    const gate = join(temporaryFolder(), 'gate')
    const slow = shellScript(`until [ -e '${gate}' ]; do sleep 0.02; done; exit 3`)
    const next = recorder()
    const env = { BROWSER: `${slow}:${next.command}` }
    expect(await openBrowser(url, { env, platform: 'linux', graceMs: 20 })).toBe(true)
    expect(next.args()).toEqual([])
    writeFileSync(gate, '')
    while (next.args().length < 2) await Bun.sleep(10)
    expect(next.args()[0]).toBe(new URL(url).href)
  })

  test('S215: $BROWSER comes first and gets the URL as one argument, without a shell', async () => {
    const { command, args } = recorder()
    expect(await openBrowser(url, { env: { BROWSER: command, PATH: '/usr/bin:/bin' } })).toBe(true)
    expect(args()).toEqual([new URL(url).href, 'env:'])
  })

  test('%s in $BROWSER is where the URL goes', async () => {
    const { command, args } = recorder()
    const env = { BROWSER: `${command} --new "%s" 'last word'`, PATH: '/usr/bin:/bin' }
    expect(await openBrowser(url, { env })).toBe(true)
    expect(args().slice(0, 3)).toEqual(['--new', new URL(url).href, 'last word'])
  })

  test('a program that is missing or fails gives way to the next of the list', async () => {
    const { command, args } = recorder()
    const failing = shellScript('exit 3')
    const env = { BROWSER: `/nonexistent/browser:${failing}:${command}`, PATH: '/usr/bin:/bin' }
    expect(await openBrowser(url, { env })).toBe(true)
    expect(args()[0]).toBe(new URL(url).href)
  })

  test('S215: after $BROWSER come the openers of the system', async () => {
    const { command, args } = recorder()
    const folder = dirname(command)
    Bun.spawnSync(['cp', command, join(folder, 'x-www-browser')])
    expect(await openedBy({ PATH: folder, DISPLAY: ':9' })).toBe('true')
    // Without a display they would start one browser after the other, each of which fails later than anybody waits.
    if (process.platform === 'linux') expect(await openedBy({ PATH: folder })).toBe('false')
    expect(args()[0]).toBe(new URL(url).href)
  })

  test('S216: false when nothing opens it', async () => {
    expect(await openedBy({ PATH: '/nonexistent' })).toBe('false')
  })

  test('nothing is started for a URL that must not be opened', async () => {
    const { command, args } = recorder()
    expect(await openBrowser('file:///etc/passwd', { env: { BROWSER: command } })).toBe(false)
    expect(args()).toEqual([])
  })

  test('the switches that make a Bun program run code do not reach the browser', async () => {
    const { command, args } = recorder()
    await openBrowser(url, { env: { BROWSER: command, BUN_OPTIONS: '--preload=x', PATH: '/usr/bin:/bin' } })
    expect(args()[1]).toBe('env:')
  })

  test('neither do variables of ours, which hold tokens and passphrases', async () => {
    const file = join(temporaryFolder(), 'env')
    const ours = { FOB_TOKEN: 'canary', FOB_SECRETS_SQLITE_PASSPHRASE: 'canary', CI_AUTH_TOKEN: 'canary' }
    const others = { PATH: '/usr/bin:/bin', DISPLAY: ':7', CI: 'true' }
    await openBrowser(url, { env: { BROWSER: shellScript(`env > '${file}'`), ...others, ...ours } })
    const text = readFileSync(file, 'utf8')
    expect(text).toContain('DISPLAY=:7\n')
    expect(text).not.toMatch(/canary|^(?:FOB|CI)_/m)
  })

  test('one that keeps running counts as opened', async () => {
    const env = { BROWSER: shellScript('exec sleep 3'), PATH: '/usr/bin:/bin' }
    expect(await openBrowser(url, { env, graceMs: 50 })).toBe(true)
  })
})
