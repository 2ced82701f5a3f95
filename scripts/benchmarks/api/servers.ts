/** The servers that the API benchmark compares: a bare `Bun.serve`, and the compiled fob with one logged-in user. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import * as v from 'valibot'
import { ALL_SCOPES } from '../../../src/contract/token-scopes.ts'
import { freePort } from '../../../test/support/free-port.ts'

const FOB = resolve(import.meta.dir, '../../../dist/fob')
/** `--beside PATH`: another binary of fob, which takes turns with this one. Undefined where none was given. */
export function binaryBeside(args: readonly string[] = process.argv.slice(2)): string | undefined {
  if (args.length === 0) return undefined
  const [flag, path] = args
  if (flag !== '--beside' || path === undefined) throw new Error('the only option is --beside PATH')
  return resolve(path)
}

const READY_MS = 20_000
export const ADA = { email: 'ada@example.com', password: 'correct horse battery' }

export interface Server {
  port: number
  /** Its process; its log goes to /dev/null, line by line as anywhere else. */
  process: Bun.Subprocess
}

export interface FobServer extends Server {
  database: string
  /** An access token of a login (HS256). */
  jwt: string
  /** So many `ci_` tokens of the same person. */
  makeTokens(count: number): Promise<string[]>
}

/** What `Bun.serve` can do at best: one JSON answer for everything. Compiled with the flags of scripts/build. */
export async function startBare(folder: string, body: string): Promise<Server> {
  const [source, program] = [join(folder, 'bare.ts'), join(folder, 'bare')]
  const port = freePort()
  writeFileSync(
    source,
    `const body = ${body}
    Bun.serve({ hostname: '127.0.0.1', port: ${port}, fetch: () => Response.json(body) })`,
  )
  const flags = [
    '--compile',
    '--bytecode',
    '--format=esm',
    '--minify-whitespace',
    '--splitting',
    '--no-compile-autoload-dotenv',
    '--no-compile-autoload-bunfig',
  ]
  run([process.execPath, 'build', source, '--outfile', program, ...flags])
  return ready({ port, process: spawn([program]) })
}

/** The compiled fob with local accounts, one of them, who has logged in. */
export async function startFob(
  folder: string,
  { binary = FOB, trustedIssuer }: { binary?: string | undefined; trustedIssuer?: string } = {},
): Promise<FobServer> {
  mkdirSync(folder)
  const port = freePort()
  const url = `http://127.0.0.1:${port}`
  const data = join(folder, 'data')
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 })
    return join(folder, name)
  }
  run([binary, 'server', 'user', 'add', ADA.email, '--data', data, '--password-stdin'], ADA.password)
  const settings = {
    listen: `127.0.0.1:${port}`,
    data,
    'oauth-callback-url': url,
    'oauth-session-secret-file': file('session-secret', randomBytes(32).toString('hex')),
    'secrets-sqlite-passphrase-file': file('passphrase', 'correct horse'),
    ...(trustedIssuer === undefined ? {} : { 'trusted-issuer': trustedIssuer }),
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
  const server = await ready({ port, process: spawn([binary, 'server', '--local-accounts', ...flags]) })
  const post = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
    const answer = await fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
    if (!answer.ok) throw new Error(`POST ${path} was answered with ${answer.status}`)
    return v.parse(v.object({ token: v.string() }), await answer.json()).token
  }
  const jwt = await post('/api/auth/login', ADA)
  const makeTokens = async (count: number) => {
    const made: string[] = []
    while (made.length < count) {
      const wish = { name: `bench ${made.length}`, scopes: ALL_SCOPES, allPipelines: true }
      made.push(await post('/api/auth/cli-tokens', wish, { authorization: `Bearer ${jwt}` }))
    }
    return made
  }
  return { ...server, database: join(data, 'fob.db'), jwt, makeTokens }
}

function spawn(command: string[]): Bun.Subprocess {
  return Bun.spawn(command, { env: environment(), stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' })
}

function run(command: string[], stdin = ''): void {
  const { exitCode, stderr } = Bun.spawnSync(command, {
    env: environment(),
    stdin: Buffer.from(stdin),
    stdout: 'pipe',
    stderr: 'pipe',
  })
  if (exitCode !== 0) throw new Error(`${command.join(' ')} ended with ${exitCode}: ${stderr.toString()}`)
}

/** Nothing of this machine's settings. */
function environment(): Record<string, string> {
  return { PATH: process.env.PATH ?? '', HOME: '/nonexistent' }
}

async function ready<T extends Server>(server: T): Promise<T> {
  const deadline = Date.now() + READY_MS
  while (Date.now() < deadline && server.process.exitCode === null) {
    const answer = await fetch(`http://127.0.0.1:${server.port}/health`).catch(() => undefined)
    if (answer?.ok === true) return server
    await Bun.sleep(20)
  }
  server.process.kill()
  throw new Error('a server did not start')
}
