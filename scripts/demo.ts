/**
 * The demo: a login, a secret and a redacted run, by the compiled binary with the commands that a user would type.
 * Exits 0 only when each step has the result that it states.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { randomBytes } from 'node:crypto'
import { freePort } from '../test/support/free-port.ts'
import { httpBrowser } from '../test/support/servers/http-browser.ts'

const FOB = resolve(import.meta.dir, '../dist/fob')
const EXAMPLE = 'examples/deploy.ts'
const EMAIL = 'ada@example.com'
const WAIT_MS = 20_000
const keep = process.argv.includes('--keep')
const surplus = process.argv.slice(2).filter((arg) => arg !== '--keep')
if (surplus.length > 0) fail(`unknown argument ${surplus[0]}; there is only --keep`, 2)

const folder = mkdtempSync(join(tmpdir(), 'fob-demo-'))
const env = demoEnvironment()
const children: Bun.Subprocess[] = []
let service: ReturnType<typeof startService> | undefined

async function main(): Promise<void> {
  const password = randomBytes(12).toString('base64url')
  const token = `tok-${randomBytes(18).toString('base64url')}`
  const port = freePort()
  const server = `http://127.0.0.1:${port}`
  service = startService(token)

  title('A server with an account of its own')
  writeSettings(port)
  await run(['server', 'user', 'add', EMAIL, '--data', 'data', '--password-stdin'], { stdin: password })
  await startServer()

  title('Log in with a browser')
  await (keep ? logInByHand(server, password) : logIn(server, password))
  const whoami = await run(['whoami'])
  expect(whoami.out.includes(EMAIL), 'whoami names the account')

  title('A secret, and a pipeline that uses it')
  await run(['pipeline', 'set', EXAMPLE])
  await run(['secrets', 'set', 'DEPLOY_TOKEN', '--pipeline', 'deploy'], { stdin: token })
  const deploy = await run(['pipeline', 'run', 'deploy', service.url])
  expect(deploy.out.includes('***REDACTED***'), 'the log shows the mark')
  expect(!deploy.out.includes(token) && !deploy.err.includes(token), 'the log does not show the secret')
  await run(['runs', 'list'])

  title('What really happened')
  expect(service.received === `Bearer ${token}`, 'the service received the true value')
  say('  the service received the true token; the log has ***REDACTED***')
  expect(!holds(join(folder, 'data'), token), 'the data folder does not hold the secret')
  say('  the data folder holds it nowhere in the clear')

  if (keep) return await stayUntilInterrupted(server, password)
  title('Log out')
  await run(['auth', 'logout'])
  await run(['auth', 'status'], { status: 4 })
  nextSteps()
}

/** A home and a PATH, and nothing of the caller's settings: the demo is the same for everybody. */
function demoEnvironment(): Record<string, string> {
  mkdirSync(join(folder, 'home'))
  const passed = Object.fromEntries(
    ['PATH', 'TERM', 'LANG', 'DISPLAY', 'WAYLAND_DISPLAY', 'DBUS_SESSION_BUS_ADDRESS', 'XDG_RUNTIME_DIR']
      .map((name) => [name, process.env[name]])
      .filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
  return { ...passed, HOME: join(folder, 'home'), FOB_HOME: join(folder, 'home', '.fob') }
}

function writeSettings(port: number): void {
  const secret = (name: string) => {
    const path = join(folder, name)
    writeFileSync(path, randomBytes(32).toString('hex'), { mode: 0o600 })
    return path
  }
  const settings = [
    `listen = "127.0.0.1:${port}"`,
    'data = "data"',
    'local_accounts = true',
    `oauth_callback_url = "http://127.0.0.1:${port}"`,
    `oauth_session_secret_file = "${secret('session-secret')}"`,
    `secrets_sqlite_passphrase_file = "${secret('passphrase')}"`,
  ]
  writeFileSync(join(folder, 'fob.toml'), `${settings.join('\n')}\n`)
  say('fob.toml')
  for (const line of settings) say(`  ${line.replaceAll(`${folder}/`, '')}`)
}

async function startServer(): Promise<void> {
  prompt('fob server --config fob.toml &')
  const child = Bun.spawn([FOB, 'server', '--config', 'fob.toml'], {
    cwd: folder,
    env,
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
  })
  children.push(child)
  const reader = child.stderr.getReader()
  let log = ''
  while (!log.includes('"listening"')) {
    const { done, value } = await reader.read()
    if (done) throw new Error(`the server did not start: ${log}`)
    log += new TextDecoder().decode(value)
  }
  say(`  ${log.split('\n').find((line) => line.includes('"listening"'))}`)
  void drain(reader)
}

async function drain(reader: { read(): Promise<{ done: boolean }> }): Promise<void> {
  while (!(await reader.read()).done);
}

/** The terminal's side is the binary; the browser's side is driven over HTTP through the real pages. */
async function logIn(server: string, password: string): Promise<void> {
  const opened = join(folder, 'opened-url')
  const browser = join(folder, 'browser')
  writeFileSync(browser, `#!/bin/sh\nprintf %s "$1" >"${opened}.part" && mv "${opened}.part" "${opened}"\n`, {
    mode: 0o700,
  })
  const login = run(['auth', 'login', '-s', server, '--insecure-storage'], { env: { BROWSER: browser } })
  const url = await waitForFile(opened, login)
  const http = httpBrowser()
  const signIn = await http.open(url)
  const consent = await http.submit(signIn, { email: EMAIL, password })
  const done = await http.submit(consent, {}, 'Authorize')
  await login
  say(
    `  [browser] sign in as ${EMAIL} → Authorize → ${/✓[^<]*/.exec(done.html)?.[0] ?? `status ${done.status}`}`,
  )
  expect(done.html.includes('✓ Logged in — return to your terminal'), 'the browser ends on the success page')
}

async function logInByHand(server: string, password: string): Promise<void> {
  say(`  in the browser, sign in as ${EMAIL} with the password ${password}\n`)
  const args = ['auth', 'login', '-s', server]
  prompt(`fob ${args.join(' ')}`)
  const child = Bun.spawn([FOB, ...args], { cwd: folder, env, stdio: ['inherit', 'inherit', 'inherit'] })
  children.push(child)
  expect((await child.exited) === 0, 'the login succeeds')
}

async function stayUntilInterrupted(server: string, password: string): Promise<void> {
  title('The server keeps running')
  say(`  ${server}   ${EMAIL}   ${password}`)
  say(`  export FOB_HOME=${env.FOB_HOME}   # then try: ${FOB} runs list`)
  say('  Ctrl-C stops it and removes everything.')
  await new Promise(() => {})
}

interface RunOptions {
  stdin?: string
  env?: Record<string, string>
  /** The exit status to expect; 0 without it. */
  status?: number
}

/** Prints the command as a user would type it, then its real output. */
async function run(args: string[], options: RunOptions = {}): Promise<{ out: string; err: string }> {
  prompt(`${options.stdin === undefined ? '' : 'printf %s "$VALUE" | '}fob ${args.join(' ')}`)
  const child = Bun.spawn([FOB, ...args.map((arg) => (arg === EXAMPLE ? resolve(EXAMPLE) : arg))], {
    cwd: folder,
    env: { ...env, ...options.env },
    stdin: options.stdin === undefined ? 'ignore' : new TextEncoder().encode(options.stdin),
    stdout: 'pipe',
    stderr: 'pipe',
  })
  children.push(child)
  const [out, err] = await Promise.all([echo(child.stdout), echo(child.stderr)])
  const status = await child.exited
  expect(
    status === (options.status ?? 0),
    `fob ${args.slice(0, 2).join(' ')} ends with ${options.status ?? 0}, not ${status}`,
  )
  return { out, err }
}

/** Prints a stream as it comes, indented, and returns it. */
async function echo(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let all = ''
  let pending = ''
  for await (const chunk of stream) {
    const text = decoder.decode(chunk, { stream: true })
    all += text
    const lines = (pending + text).split('\n')
    pending = lines.pop() ?? ''
    for (const line of lines) say(`  ${line}`)
  }
  if (pending !== '') say(`  ${pending}`)
  return all
}

function startService(token: string) {
  let received = ''
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch(request) {
      received = request.headers.get('authorization') ?? ''
      return received === `Bearer ${token}`
        ? new Response('deployed')
        : new Response('unknown token', { status: 401 })
    },
  })
  return {
    url: `http://127.0.0.1:${server.port}/deploy`,
    get received() {
      return received
    },
    stop: () => server.stop(true),
  }
}

/** The text of a file that another process writes; gives up when that process has ended without it. */
async function waitForFile(path: string, writer: Promise<unknown>): Promise<string> {
  let ended = false
  writer.catch(() => {}).finally(() => (ended = true))
  const deadline = Date.now() + WAIT_MS
  while (!(await Bun.file(path).exists())) {
    if (ended) await writer
    if (ended || Date.now() > deadline) throw new Error('the login did not open a browser')
    await Bun.sleep(20)
  }
  return readFileSync(path, 'utf8')
}

function holds(path: string, text: string): boolean {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .some((entry) => readFileSync(join(entry.parentPath, entry.name)).includes(text))
}

function nextSteps(): void {
  title('Next')
  say(
    '  scripts/demo --keep                          the same with your own browser and a server that keeps running',
  )
  say('  dist/fob server                              an open server on 127.0.0.1:8080, to look around')
  say('  dist/fob pipeline set examples/deploy.ts     and your first pipeline')
  say('  dist/fob --help')
}

function title(text: string): void {
  say(`\n${bold(text)}`)
}

function prompt(command: string): void {
  say(`${bold('$')} ${command}`)
}

function bold(text: string): string {
  return process.stdout.isTTY && process.env.NO_COLOR === undefined ? `\u001b[1m${text}\u001b[0m` : text
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

function expect(held: boolean, what: string): void {
  if (!held) throw new Error(`expected: ${what}`)
}

function fail(message: string, status: number): never {
  process.stderr.write(`demo: ${message}\n`)
  process.exit(status)
}

async function cleanUp(): Promise<void> {
  for (const child of children.toReversed()) {
    child.kill('SIGTERM')
    await child.exited
  }
  await service?.stop()
  rmSync(folder, { recursive: true, force: true })
}

process.on('SIGINT', () => void cleanUp().then(() => process.exit(130)))
process.on('SIGTERM', () => void cleanUp().then(() => process.exit(130)))

try {
  await main()
} catch (error) {
  process.stderr.write(`\n✗ the demo failed: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
} finally {
  await cleanUp()
}
