/** Watches the processor time and the memory of a child from outside. */
import { readFileSync } from 'node:fs'
import type { SandboxLimits } from './child-protocol.ts'

const TICK_MS = 50
/** What a child may take beyond the limits that it enforces itself, before the server acts. */
const GRACE_MS = 300
/** On a busy machine a child does not always have the processor; after this many times its limit it is killed all the same. */
const MOST_STARVED = 4

/** What the system says about the child, and the time. */
interface ChildMeter {
  /** Milliseconds of a monotonic clock. */
  now(): number
  /** Undefined where the system cannot tell: then the time alone counts. */
  usage(): { residentBytes: number; cpuMs: number } | undefined
}

/** What a child has used, as far as it is charged for it. */
export interface Account {
  /** The child has sent its first message. */
  ready(): void
  /** Whether the child has a message of the server to handle, and the server reads what it sends. */
  busy(isBusy: boolean): void
  /** What the child has done wrong; undefined while it keeps to its limits. */
  verdict(): string | undefined
}

interface Watchdog extends Pick<Account, 'ready' | 'busy'> {
  stop(): void
}

/**
 * Kills a child that exceeds its limits. The child meters itself; this is for a child that cannot or does not: a
 * native call that never returns, or a script that has broken out of its VM.
 * @param kill called once, with what the child did
 */
export function watchChild(pid: number, limits: SandboxLimits, kill: (reason: string) => void): Watchdog {
  const account = openAccount(limits, { now: () => performance.now(), usage: () => readUsage(pid) })
  const timer = setInterval(() => {
    const reason = account.verdict()
    if (reason === undefined) return
    clearInterval(timer)
    kill(reason)
  }, TICK_MS)
  return { ready: account.ready, busy: account.busy, stop: () => clearInterval(timer) }
}

export function openAccount(limits: SandboxLimits, meter: ChildMeter): Account {
  let last = meter.now()
  let isReady = false
  let isBusy = true
  /** The time in which the child was busy. */
  let spentMs = 0
  /** The processor time of the start of the child. */
  let startCpuMs = 0

  function addTime(): void {
    const now = meter.now()
    if (isBusy) spentMs += now - last
    last = now
  }

  function verdict(): string | undefined {
    addTime()
    if (!isReady) return spentMs > limits.startMs ? 'the sandbox did not start in time' : undefined
    const used = meter.usage()
    const most = limits.cpuMs + GRACE_MS
    const cpuMs = used ? used.cpuMs - startCpuMs : spentMs
    if (spentMs > most && (cpuMs > limits.cpuMs || spentMs > MOST_STARVED * most)) {
      return `the script used more than ${limits.cpuMs / 1000} s of processor time`
    }
    if (used && used.residentBytes > limits.residentBytes) return 'the script used too much memory'
    // A child that claims to be idle and is not. Its threads for garbage collection and compiling count here too.
    if (used && used.cpuMs > 2 * limits.cpuMs + limits.overheadMs)
      return 'the sandbox used too much processor time'
    return undefined
  }

  return {
    ready: () => {
      addTime()
      spentMs = 0
      startCpuMs = meter.usage()?.cpuMs ?? 0
      isReady = true
    },
    busy: (next) => {
      addTime()
      isBusy = next
    },
    verdict,
  }
}

/** Linux only; elsewhere undefined. proc(5): `VmRSS` is in KiB, `utime` and `stime` in ticks of 10 ms. */
function readUsage(pid: number): ReturnType<ChildMeter['usage']> {
  if (process.platform !== 'linux') return undefined
  try {
    const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name, in parentheses, may itself hold spaces and parentheses: fields are counted from its end.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return {
      residentBytes: Number(resident ?? 0) * 1024,
      cpuMs: (Number(fields[11]) + Number(fields[12])) * 10,
    }
  } catch {
    return undefined
  }
}
