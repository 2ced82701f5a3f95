/** Many processes that refresh one expired login at once. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Ended, type Running, start } from '../client/compiled-binary.ts'
import type { RotatingServer } from '../servers/rotating-token-server.ts'
import { temporaryFolder } from '../temporary.ts'

/** What became of many processes that wanted the token of one expired login. */
export interface StormResult {
  succeeded: number
  killed: number
  /** What the others said. */
  failures: string[]
  requests: number
  rotations: number
  /** The next command gets the token as well: the login is not lost. */
  healed: boolean
}

/**
 * `processes` times `fob auth token` at the same moment on one login that has run out.
 * @param kill given the running processes, kills some of them.
 */
export async function refreshStorm(
  server: RotatingServer,
  processes: number,
  kill?: (running: readonly Running[], home: string) => Promise<void>,
): Promise<StormResult> {
  const folder = temporaryFolder()
  const home = join(folder, '.fob')
  server.expiredLogin(home)
  const running = Array.from({ length: processes }, () => start(['auth', 'token'], { home: folder }))
  await kill?.(running, home)
  const ended = await Promise.all(running.map((process) => process.ended))
  const { requests, rotations } = { requests: server.requests(), rotations: server.rotations() }
  const wanted = `${server.accessToken()}\n`
  const isGood = ({ code, out }: Ended) => code === 0 && out === wanted
  const killed = running.filter(({ child }) => child.signalCode === 'SIGKILL').length
  const after = await start(['auth', 'token'], { home: folder }).ended
  return {
    succeeded: ended.filter(isGood).length,
    killed,
    failures: ended
      .filter((e, i) => !isGood(e) && running[i]?.child.signalCode !== 'SIGKILL')
      .map((e) => e.err),
    requests,
    rotations,
    healed: isGood(after),
  }
}

/** The process that holds the lock on renewing a login in `home`, as the kernel has it (Linux). */
function renewalHolder(home: string): number | undefined {
  let inodes: Set<string>
  try {
    const locks = readdirSync(home).filter((name) => /^\.credentials\.[0-9a-f]{16}\.lock$/.test(name))
    inodes = new Set(locks.map((name) => String(statSync(join(home, name)).ino)))
  } catch {
    return undefined
  }
  for (const line of readFileSync('/proc/locks', 'utf8').split('\n')) {
    const [, kind, pid, inode] =
      /^\d+: POSIX +ADVISORY +(\w+) +(\d+) +[\da-f]+:[\da-f]+:(\d+)/.exec(line) ?? []
    if (kind === 'WRITE' && inode !== undefined && inodes.has(inode)) return Number(pid)
  }
  return undefined
}

/** Waits for a holder of the lock among `running` and ends it with SIGKILL. */
export async function killHolder(running: readonly Running[], home: string): Promise<boolean> {
  const deadline = Date.now() + 10_000
  while (Date.now() < deadline && running.some(({ child }) => child.exitCode === null)) {
    const pid = renewalHolder(home)
    const holder = running.find(({ child }) => child.pid === pid)
    if (holder !== undefined) {
      holder.child.kill('SIGKILL')
      return true
    }
    await Bun.sleep(0)
  }
  return false
}
