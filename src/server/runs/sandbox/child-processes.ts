import { readdirSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { killGroup } from '../process-group.ts'
import type { ParentMessage, SandboxLimits } from './child-protocol.ts'

/** One script's process, from before it is known which script that will be. */
export type SandboxProcess = Bun.Subprocess<'pipe', 'pipe', 'pipe'>

/** Where scripts get their processes. Each is given out once: no script comes where another has been. */
export interface SandboxProcesses {
  take(): SandboxProcess
  close(): Promise<void>
}

/** How long one is held ready for a script that may come: it holds some 60 MiB. */
const KEEP_MS = 10 * 60_000

/** With one held ready, from the first script on: a process with an empty VM is most of what a start costs. */
export function createProcesses(command: readonly string[], limits: SandboxLimits): SandboxProcesses {
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
    if (isClosed) return
    spare = startProcess(command, limits)
    timer = setTimeout(drop, KEEP_MS)
    timer.unref()
  }

  return {
    take: () => {
      clearTimeout(timer)
      const held = spare
      const taken = held && isAlive(held) ? held : startProcess(command, limits)
      spare = undefined
      yieldToOthers(taken.pid)
      holdOne()
      return taken
    },
    close: async () => {
      isClosed = true
      await drop()?.exited
    },
  }
}

/** It begins to make itself ready, and then waits. */
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
  const first: ParentMessage = { type: 'prepare', limits: { memoryBytes, stackBytes, cpuMs } }
  void tell(child, first)
  return child
}

async function tell({ stdin }: SandboxProcess, message: ParentMessage): Promise<void> {
  try {
    await stdin.write(`${JSON.stringify(message)}\n`)
    await stdin.flush()
  } catch {
    // One that is gone is found to be when it is talked to.
  }
}

function isAlive(child: SandboxProcess): boolean {
  return child.exitCode === null && child.signalCode === null
}

/** A script that is busy with itself takes only the time that the server and the tasks leave. */
function yieldToOthers(pid: number): void {
  try {
    for (const thread of threadsOf(pid)) setPriority(thread, constants.priority.PRIORITY_BELOW_NORMAL)
  } catch {
    // It is gone already, or the system has no such thing.
  }
}

/** On Linux each has a priority of its own, and hands it on to those that it begins (setpriority(2)). */
function threadsOf(pid: number): number[] {
  return process.platform === 'linux' ? readdirSync(`/proc/${pid}/task`).map(Number) : [pid]
}
