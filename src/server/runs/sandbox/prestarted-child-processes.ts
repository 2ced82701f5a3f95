/** The processes of scripts: one is held ready with an empty VM, as that is most of what a start costs. */
import { readdirSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { killGroup } from '../signal-process-group.ts'
import type { ParentMessage, SandboxLimits } from './child-protocol.ts'

/** A process for one script, started before it is known which script that will be. */
export type SandboxProcess = Bun.Subprocess<'pipe', 'pipe', 'pipe'>

/** Gives each process out once: no script runs where another has run. */
export interface SandboxProcesses {
  take(): SandboxProcess
  close(): Promise<void>
}

/** How long a process is held ready for a script that may come: it takes some 60 MiB. */
const HOLD_MS = 10 * 60_000

/**
 * From the first script on, one process is held ready.
 * @param holdsSpare false for tests that open a server for a single script: they need no second process
 */
export function createProcesses(
  command: readonly string[],
  limits: SandboxLimits,
  holdsSpare = true,
): SandboxProcesses {
  let spare: SandboxProcess | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let isClosed = false

  function drop(): SandboxProcess | undefined {
    clearTimeout(timer)
    const dropped = spare
    spare = undefined
    if (dropped) killGroup(dropped.pid, 'SIGKILL')
    return dropped
  }

  function holdOne(): void {
    if (isClosed || !holdsSpare) return
    spare = startProcess(command, limits)
    timer = setTimeout(drop, HOLD_MS)
    timer.unref()
  }

  return {
    take: () => {
      clearTimeout(timer)
      const held = spare
      const taken = held && isAlive(held) ? held : startProcess(command, limits)
      spare = undefined
      lowerPriority(taken.pid)
      holdOne()
      return taken
    },
    close: async () => {
      isClosed = true
      await drop()?.exited
    },
  }
}

/** The process prepares an empty VM, and then waits for a script. */
export function startProcess(command: readonly string[], limits: SandboxLimits): SandboxProcess {
  const child = Bun.spawn([...command], {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
    env: {},
    cwd: '/',
    // Its own process group: Ctrl-C on the server's terminal is the server's to handle.
    detached: true,
  })
  const { memoryBytes, stackBytes, cpuMs } = limits
  const message: ParentMessage = { type: 'prepare', limits: { memoryBytes, stackBytes, cpuMs } }
  void send(child, message)
  return child
}

async function send({ stdin }: SandboxProcess, message: ParentMessage): Promise<void> {
  try {
    await stdin.write(`${JSON.stringify(message)}\n`)
    await stdin.flush()
  } catch {
    // That the child has ended is noticed when a script is sent to it.
  }
}

function isAlive(child: SandboxProcess): boolean {
  return child.exitCode === null && child.signalCode === null
}

/** A script that computes gets only the processor time that the server and the tasks leave. */
function lowerPriority(pid: number): void {
  try {
    for (const thread of threadsOf(pid)) setPriority(thread, constants.priority.PRIORITY_BELOW_NORMAL)
  } catch {
    // The process has ended already, or the system has no such priorities.
  }
}

/** On Linux each thread has a priority of its own, and passes it on to those that it starts (setpriority(2)). */
function threadsOf(pid: number): number[] {
  return process.platform === 'linux' ? readdirSync(`/proc/${pid}/task`).map(Number) : [pid]
}
