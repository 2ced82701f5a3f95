/** Finds and kills the processes that tasks leave behind, also those in sessions of their own. */
import { readFileSync, readlinkSync, realpathSync } from 'node:fs'
import type { Clock } from '../../../platform/clock.ts'
import type { Orphans } from '../../../platform/processes/adopt-orphans.ts'

/** Ticks of 10 ms in a second: proc(5) counts in them, whatever the kernel was built with. */
const TICKS_PER_S = 100
/** How often stray processes are looked for while tasks run. */
const LOOK_MS = 1000
/** How long the end of a task waits until its stray processes have ended, and how often it looks. */
const END_MS = 2000
const STEP_MS = 5

/** A task, or a sandbox, to which processes belong. */
export interface Owner {
  /** A process with a path below it in its environment, or as its working folder, belongs to this owner. */
  home: string
  realHome: string
  /** Processes that started earlier do not belong to it. In ticks since the boot of the machine. */
  since: number
  isOver: boolean
}

/**
 * The processes that tasks leave behind, also in sessions and process groups of their own: this process adopts them as
 * orphans. The owner of a process is found by its session, else by the task's folder in its environment or as its
 * working folder. A process that hides all of these may belong to any older task, and is killed only when none of
 * those runs any more: so no process is killed that could belong to another task.
 */
export interface Strays {
  /** Whether this system supports adopting orphans. */
  isAble: boolean
  add(home: string): Owner
  /** Registers a process that this supervisor started. */
  spawned(pid: number, owner: Owner): void
  exited(pid: number): void
  /** Kills the processes that an owner has left. */
  end(owner: Owner): Promise<void>
}

interface Stray {
  pid: number
  start: number
  owner: Owner | undefined
}

/** For systems without adoption: only process groups are stopped. */
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
  /** By session ID, which is the ID of the process that created the session. */
  const sessions = new Map<number, Owner>()
  const known = new Map<number, Stray>()
  let timer: ReturnType<typeof setInterval> | undefined

  /** The adopted processes that still run; ended ones are reaped. */
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

  /** Kills the processes that have to end. @returns those that have not ended yet */
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
      // The periodic check continues with the rest.
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

/** False when it cannot be killed: it has ended, or belongs to another user now. */
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
