/** One task as a process of the supervisor: its output in a replay buffer, its time limit, its stop and its end. */
import { constants } from 'node:os'
import { resolve } from 'node:path'
import { rmSync } from 'node:fs'
import type { Clock } from '../../../platform/clock.ts'
import type { Offsets, TaskEnd } from '../drivers/driver-interface.ts'
import { StartFailure } from '../drivers/task-start-failure.ts'
import { killGroup } from '../signal-process-group.ts'
import { pump } from '../tasks/read-process-output.ts'
import { createReplayBuffer } from './replay-buffer.ts'
import { recordProcess } from './task-pid-files.ts'
import type { FromSupervisor, Stream, SupervisedSpec } from './supervisor-protocol.ts'
import { spawn } from './spawn-task-process.ts'
import type { Sandbox } from './native-sandboxes.ts'
import type { Strays } from './kill-stray-processes.ts'

export interface SupervisedTask {
  /** The key of the sandbox in which it runs. */
  sandbox: string | undefined
  /** Whether its output is buffered from these offsets on. */
  hasFrom(offsets: Offsets): boolean
  /** Sends its output from the offsets `from` on, and its end, to `send`. */
  attach(send: (message: FromSupervisor) => void, from: Offsets): void
  detach(): void
  taken(taken: Offsets, stored: Offsets): void
  /** TERM to its group, KILL after the grace. */
  end(): void
  /** KILL at once, without waiting for its output. */
  kill(): void
  /** Resolves when none of its processes runs and all its output has been read. Never rejects. */
  done: Promise<TaskEnd>
}

export interface TaskDeps {
  clock: Clock
  strays: Strays
  /** The open sandbox in which it runs. */
  sandbox: Sandbox | undefined
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export function startTask(spec: SupervisedSpec, { clock, strays, sandbox }: TaskDeps): SupervisedTask {
  const buffers = { stdout: createReplayBuffer(), stderr: createReplayBuffer() }
  const ending = new AbortController()
  const killing = new AbortController()
  let send: ((message: FromSupervisor) => void) | undefined
  let ended: TaskEnd | undefined

  const keep = (stream: Stream) => async (bytes: Uint8Array) => {
    if (killing.signal.aborted) return
    buffers[stream].add(bytes)
    send?.({ type: 'output', task: spec.task, stream, bytes })
    await Promise.race([buffers[stream].room(), aborted(killing.signal)])
  }

  async function run(): Promise<TaskEnd> {
    try {
      return await supervise(begin(spec, sandbox))
    } catch (error) {
      if (!(error instanceof StartFailure)) throw error
      await keep('stderr')(new TextEncoder().encode(`${error.message}\n`))
      return { status: 'error', code: error.code }
    }
  }

  async function supervise(child: ReturnType<typeof begin>): Promise<TaskEnd> {
    const { pid, exited } = child
    const pidFile = recordOrKill(spec, pid)
    const owner = sandbox?.owner ?? strays.add(spec.home)
    strays.spawned(pid, owner)
    const over = new AbortController()
    const ends = endGroup(pid, over.signal)
    const pumps = [pump(child.stdout, keep('stdout'), exited), pump(child.stderr, keep('stderr'), exited)]
    await exited
    strays.exited(pid)
    over.abort()
    // Processes that a task leaves in a sandbox serve its next tasks, if they can be found when the sandbox closes.
    if (!sandbox || !strays.isAble || ending.signal.aborted) killGroup(pid, 'SIGKILL')
    if (!sandbox) await strays.end(owner)
    await Promise.all([...pumps, ends])
    rmSync(pidFile, { force: true })
    const code = exitCode(child)
    if (ending.signal.aborted) return { status: 'abort', code }
    return { status: code === 0 ? 'success' : 'failure', code }
  }

  /** TERM at its time limit or when it is stopped; KILL after the grace period or on demand. */
  async function endGroup(pid: number, over: AbortSignal): Promise<void> {
    const untilOver = (ms: number, ...signals: AbortSignal[]) =>
      clock.sleep(ms, AbortSignal.any([over, killing.signal, ...signals])).catch(() => {})
    if (spec.timeoutMs === undefined) await aborted(AbortSignal.any([over, killing.signal, ending.signal]))
    else await untilOver(spec.timeoutMs, ending.signal)
    if (over.aborted) return
    ending.abort()
    if (!killing.signal.aborted) {
      killGroup(pid, 'SIGTERM')
      await untilOver(spec.graceMs)
    }
    if (!over.aborted) killGroup(pid, 'SIGKILL')
  }

  function tellEnd(): void {
    if (ended) send?.({ type: 'ended', task: spec.task, ...ended })
  }

  async function toEnd(): Promise<TaskEnd> {
    ended = await run().catch((): TaskEnd => ({ status: 'error', code: 126 }))
    tellEnd()
    return ended
  }

  function attach(to: (message: FromSupervisor) => void, from: Offsets): void {
    send = to
    for (const stream of ['stdout', 'stderr'] as const) {
      const pieces = buffers[stream].from(from[stream]) ?? []
      buffers[stream].taken(from[stream], from[stream])
      for (const bytes of pieces) to({ type: 'output', task: spec.task, stream, bytes })
    }
    tellEnd()
  }

  return {
    sandbox: spec.sandbox,
    hasFrom: (from) =>
      buffers.stdout.from(from.stdout) !== undefined && buffers.stderr.from(from.stderr) !== undefined,
    attach,
    detach: () => (send = undefined),
    taken: (taken, stored) => {
      buffers.stdout.taken(taken.stdout, stored.stdout)
      buffers.stderr.taken(taken.stderr, stored.stderr)
    },
    end: () => ending.abort(),
    kill: () => {
      ending.abort()
      killing.abort()
    },
    done: toEnd(),
  }
}

/** @throws StartFailure */
function begin(spec: SupervisedSpec, sandbox: Sandbox | undefined) {
  const { path, args, cwd, home } = spec
  const env = { PATH: DEFAULT_PATH, HOME: home, TMPDIR: home, PWD: cwd, ...sandbox?.env, ...spec.env }
  return spawn([findProgram(path, cwd, env.PATH), ...args], {
    argv0: path,
    cwd,
    env,
    stdin: spec.stdin === undefined ? 'ignore' : new TextEncoder().encode(spec.stdin),
    stdout: 'pipe',
    stderr: 'pipe',
    // A session, and so a process group, of its own: a signal to the group reaches its children too.
    detached: true,
  })
}

function findProgram(path: string, cwd: string, search: string): string {
  if (path.includes('/')) return resolve(cwd, path)
  const found = Bun.which(path, { PATH: search, cwd })
  if (found === null) throw new StartFailure(127, `${path}: command not found`)
  return found
}

/** A task that could not be found again after the death of this process must not run. */
function recordOrKill({ runFolder, number }: SupervisedSpec, pid: number): string {
  try {
    return recordProcess(runFolder, number, pid)
  } catch {
    killGroup(pid, 'SIGKILL')
    throw new StartFailure(126, "the task's process ID cannot be recorded")
  }
}

function exitCode(child: Pick<Bun.Subprocess, 'exitCode' | 'signalCode'>): number {
  const signal = child.signalCode
  if (typeof signal === 'string') return 128 + constants.signals[signal]
  return child.exitCode ?? 128 + (signal ?? 0)
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((done) => signal.addEventListener('abort', () => done(), { once: true }))
}
