import { constants, setPriority } from 'node:os'
import { killGroup } from '../group.ts'
import type { ParentMessage, SandboxLimits } from './protocol.ts'

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
  // At once: its threads are begun with what it has then.
  yieldToOthers(child.pid)
  const { memoryBytes, stackBytes, cpuMs } = limits
  const first: ParentMessage = { type: 'prepare', limits: { memoryBytes, stackBytes, cpuMs } }
  void child.stdin.write(`${JSON.stringify(first)}\n`)
  // One that is gone is found to be when it is taken.
  void Promise.resolve(child.stdin.flush()).catch(() => {})
  return child
}

function isAlive(child: SandboxProcess): boolean {
  return child.exitCode === null && child.signalCode === null
}

/** A script that is busy with itself takes only the time that the server and the tasks leave. */
function yieldToOthers(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL)
  } catch {
    // It is gone already, or the system has no such thing.
  }
}
