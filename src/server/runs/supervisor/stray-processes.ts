import { readFileSync, readlinkSync, realpathSync } from 'node:fs'
import type { Clock } from '../../../platform/clock.ts'
import type { Orphans } from '../../../platform/processes/adopt-orphans.ts'

/** Ticks of 10 ms in a second: proc(5) counts in them, whatever the kernel was built with. */
const TICKS_PER_S = 100
/** How often what has left its task is looked for while tasks run. */
const LOOK_MS = 1000
/** How long the end of a task waits for the end of what it left, in steps. */
const END_MS = 2000
const STEP_MS = 5

/** A task, or a sandbox, to which processes belong. */
export interface Owner {
  /** Paths below it in an environment or as a working folder show whose a process is. */
  home: string
  realHome: string
  /** Nothing that began before is its, in ticks since the machine's start. */
  since: number
  isOver: boolean
}

/**
 * What tasks leave behind, also in sessions and process groups of their own: we are their adoptive parent. Whose a
 * process is, is told by its session, else by the task's folder in its environment or as where it works. What
 * hides all of that belongs to any task that is older, and is ended when none of those runs any more: so nothing
 * is ever ended that could belong to another.
 */
export interface Strays {
  /** Whether there is such a thing on this system. */
  isAble: boolean
  add(home: string): Owner
  /** A process that we started ourselves. */
  spawned(pid: number, owner: Owner): void
  exited(pid: number): void
  /** Kills what an owner has left. */
  end(owner: Owner): Promise<void>
}

interface Stray {
  pid: number
  start: number
  owner: Owner | undefined
}

/** Where nobody is adopted, the process groups are all there is. */
export const NO_STRAYS: Strays = {
  isAble: false,
  add: (home) => ({ home, realHome: home, since: 0, isOver: false }),
  spawned: () => {},
  exited: () => {},
  end: async () => {},
}

export function createStrays(orphans: Orphans, clock: Clock): Strays {
  const own = new Set<number>()
  const owners = new Set<Owner>()
  /** A session has the number of the process that began it. */
  const sessions = new Map<number, Owner>()
  const known = new Map<number, Stray>()
  let timer: ReturnType<typeof setInterval> | undefined

  /** The adopted that still run; who has ended is buried on the way. */
  function look(): Stray[] {
    const found: Stray[] = []
    for (const pid of orphans.children()) {
      const stat = own.has(pid) ? undefined : readStat(pid)
      if (!stat) continue
      if (stat.isZombie) orphans.reap(pid)
      else found.push(recognize(pid, stat))
    }
    const pids = new Set(found.map(({ pid }) => pid))
    for (const pid of known.keys()) if (!pids.has(pid)) known.delete(pid)
    for (const stray of found) known.set(stray.pid, stray)
    return found
  }

  function recognize(pid: number, { start, session }: Stat): Stray {
    const before = known.get(pid)
    if (before?.start === start && before.owner) return before
    return { pid, start, owner: sessions.get(session) ?? findByTraces(pid) }
  }

  function findByTraces(pid: number): Owner | undefined {
    const [environment, folder] = [readText(`/proc/${pid}/environ`), readLink(`/proc/${pid}/cwd`)]
    return [...owners].find(
      ({ home, realHome }) =>
        environment.includes(`=${home}\0`) ||
        environment.includes(`=${home}/`) ||
        `${folder}/`.startsWith(`${realHome}/`),
    )
  }

  function isToEnd({ owner, start }: Stray): boolean {
    if (owner) return owner.isOver
    return ![...owners].some((one) => !one.isOver && one.since <= start)
  }

  /** Kills what has to go. @returns what is not gone yet. */
  function clear(): Stray[] {
    return look().filter((stray) => isToEnd(stray) && kill(stray.pid))
  }

  function watch(): void {
    timer ??= setInterval(() => {
      if (clear().length > 0 || [...owners].some((owner) => !owner.isOver)) return
      clearInterval(timer)
      timer = undefined
    }, LOOK_MS)
  }

  async function end(owner: Owner): Promise<void> {
    owner.isOver = true
    const deadline = clock.now() + END_MS
    while (clear().some((stray) => stray.owner === undefined || stray.owner === owner)) {
      // The next look goes on with it.
      if (clock.now() > deadline) return
      await clock.sleep(STEP_MS)
    }
    owners.delete(owner)
    for (const [session, one] of sessions) if (one === owner) sessions.delete(session)
  }

  return {
    isAble: true,
    add: (home) => {
      const owner = { home, realHome: realPath(home), since: ticksNow(), isOver: false }
      owners.add(owner)
      watch()
      return owner
    },
    spawned: (pid, owner) => {
      own.add(pid)
      sessions.set(pid, owner)
    },
    exited: (pid) => void own.delete(pid),
    end,
  }
}

interface Stat {
  start: number
  session: number
  isZombie: boolean
}

/** proc(5): field 3 of `stat` is the state, 6 the session, 22 the start in ticks since the machine's start. */
function readStat(pid: number): Stat | undefined {
  const stat = readText(`/proc/${pid}/stat`)
  // The name, in parentheses, may itself hold spaces and parentheses: fields are counted from its end.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (fields[19] === undefined) return undefined
  return { start: Number(fields[19]), session: Number(fields[3]), isZombie: fields[0] === 'Z' }
}

function ticksNow(): number {
  return Math.floor(parseFloat(readText('/proc/uptime')) * TICKS_PER_S)
}

/** False where that cannot be done: it has ended, or became another user's. */
function kill(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL')
  } catch {
    return false
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
