/** Logins and logouts that are killed at random moments. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fob, start } from '../client/compiled-binary.ts'
import { temporaryFolder } from '../temporary.ts'

/** What was found after logins and logouts that were killed at random moments. */
export interface CrashResult {
  commands: number
  killed: number
  /** How often a kill had left a temporary file. */
  leftovers: number
  /** Everything that should not be: each is a sentence. */
  problems: string[]
}

interface TokenServer {
  url: string
  stop(): Promise<void>
}

/** Whoever calls with `canary-N` is the user N; there are three. */
function startTokenServer(): TokenServer {
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request) => {
      const { pathname } = new URL(request.url)
      if (pathname === '/health') return Response.json({ status: 'ok', version: '0', strategy: 'oauth' })
      const id = /canary-(\d)/.exec(request.headers.get('authorization') ?? '')?.[1]
      if (pathname !== '/api/v1/profile' || id === undefined) return new Response('', { status: 401 })
      return Response.json({ id: `u${id}`, name: `User ${id}` })
    },
  })
  return { url: server.url.origin, stop: () => server.stop(true) }
}

/** Logins and logouts on one home, `parallel` at a time, until `kills` of them were ended with SIGKILL. */
export async function crashStorm(
  kills: number,
  { parallel, random }: { parallel: number; random: () => number },
): Promise<CrashResult> {
  const server = startTokenServer()
  const folder = temporaryFolder()
  const home = join(folder, '.fob')
  const result: CrashResult = { commands: 0, killed: 0, leftovers: 0, problems: [] }
  // How long a login takes here and now: kills are spread over all of it.
  const begun = performance.now()
  await login(1)
  const usualMs = performance.now() - begun
  while (result.killed < kills) {
    const batch = await Promise.all(Array.from({ length: parallel }, () => killed()))
    result.commands += parallel
    result.killed += batch.filter(Boolean).length
    look('after a kill')
    if (temporaryFiles(home).length > 0) {
      result.leftovers++
      await fob(['auth', 'status'], { home: folder })
      if (temporaryFiles(home).length > 0) result.problems.push('a temporary file outlived the next command')
    }
  }
  const after = await login(2)
  if (after.code !== 0) result.problems.push(`the last login failed: ${after.err}`)
  const token = await fob(['auth', 'token', '-s', server.url], { home: folder })
  if (token.out !== 'canary-2\n') result.problems.push(`the last token was not given: ${token.err}`)
  if (temporaryFiles(home).length > 0) result.problems.push('a temporary file is left at the end')
  await server.stop()
  return result

  function login(user: number) {
    return start(words('login'), { home: folder, stdin: `canary-${user}\n` }).ended
  }

  async function killed(): Promise<boolean> {
    const isLogin = random() < 0.6
    const stdin = `canary-${1 + Math.floor(random() * 3)}\n`
    const { child, ended } = start(words(isLogin ? 'login' : 'logout'), { home: folder, stdin })
    const timer = setTimeout(() => child.kill('SIGKILL'), random() * usualMs * 1.2)
    const { code, err } = await ended
    clearTimeout(timer)
    if (child.signalCode === 'SIGKILL') return true
    // What was not killed must have worked, whatever its neighbours left.
    if (code !== 0) result.problems.push(`a command failed with ${code}: ${err}`)
    return false
  }

  function words(verb: 'login' | 'logout'): string[] {
    const flags = verb === 'login' ? ['--token-stdin', '--insecure-storage'] : []
    return ['auth', verb, '-s', server.url, ...flags]
  }

  function look(when: string): void {
    const problem = problemOf(home)
    if (problem !== undefined) result.problems.push(`${when}: ${problem}`)
  }
}

function temporaryFiles(home: string): string[] {
  return readdirSync(home).filter((name) => name.endsWith('.tmp'))
}

function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8)
}

/** What is wrong with a home, if anything: modes, and that the credentials can be read. */
function problemOf(home: string): string | undefined {
  if (modeOf(home) !== '700') return `the folder has mode ${modeOf(home)}`
  for (const name of readdirSync(home)) {
    const path = join(home, name)
    // Another process may have renamed it meanwhile.
    const mode = statSync(path, { throwIfNoEntry: false }) === undefined ? '600' : modeOf(path)
    if (mode !== '600') return `${name} has mode ${mode}`
  }
  try {
    JSON.parse(readFileSync(join(home, 'credentials'), 'utf8'))
    return undefined
  } catch {
    return 'the credentials file cannot be read'
  }
}
