/** Runs one command in a process group of its own, with bounds on its output. */
import { countDescendants, countGroup } from '../../../platform/processes/count-process-group.ts'
import type { Env } from '../../../platform/processes/own-and-child-environment.ts'
import { Fault } from '../../../contract/fault.ts'
import { killGroup } from '../signal-process-group.ts'

/** The most output of a command; a list of a hundred thousand references has some 6 MiB. */
const MAX_OUTPUT = 32 * 1024 * 1024
const MAX_ERRORS = 64 * 1024

/** A command and what it starts, at once: one that starts itself again and again must not fill the machine. */
const MAX_PROCESSES = 64
const LOOK_MS = 250
/** A look at the whole machine costs as much as it has processes: 27 ms at 230 of them, instead of 2. */
const LOOKS_PER_WIDE_LOOK = 8

export interface Ended {
  /** -1 where it printed too much. */
  code: number
  out: string
  err: string
}

interface Command {
  cmd: string[]
  cwd: string
  env: Env
  input?: Uint8Array<ArrayBuffer> | undefined
  signal: AbortSignal
}

/** @throws the signal's reason; Fault `failed` when it started too many processes */
export async function runInGroup({ cmd, cwd, env, input, signal }: Command): Promise<Ended> {
  signal.throwIfAborted()
  const child = Bun.spawn(cmd, {
    cwd,
    env: { ...env },
    stdin: input ?? 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    // A process group of its own: git starts other programs, and all are stopped with it.
    detached: true,
  })
  const kill = () => killGroup(child.pid, 'SIGKILL')
  signal.addEventListener('abort', kill, { once: true })
  if (signal.aborted) kill()
  const bound = boundProcesses(child.pid, kill)
  try {
    const outputs = Promise.all([
      read(child.stdout, MAX_OUTPUT, kill),
      read(child.stderr, MAX_ERRORS, () => {}),
    ])
    const code = await child.exited
    kill()
    const [out, err] = await outputs
    signal.throwIfAborted()
    if (bound.isExceeded()) {
      throw new Fault('failed', `git started more than ${MAX_PROCESSES} processes at once, and was stopped`)
    }
    return { code: out === undefined ? -1 : code, out: out ?? '', err: err ?? '' }
  } finally {
    bound.end()
    signal.removeEventListener('abort', kill)
  }
}

/** The first `most` bytes. @returns undefined when there were more and `tooMuch` has stopped the command */
async function read(
  pipe: ReadableStream<Uint8Array>,
  most: number,
  tooMuch: () => void,
): Promise<string | undefined> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of pipe) {
    if (length + chunk.length > most) tooMuch()
    else chunks.push(chunk)
    length += chunk.length
  }
  const isWhole = length <= most || most === MAX_ERRORS
  return isWhole ? Buffer.concat(chunks).toString('utf8') : undefined
}

/**
 * Looks now and then how many processes a group has, where the system can tell (Linux): mostly at what descends from
 * the command, and at times at the whole machine, where those are found as well whose parent has ended.
 */
function boundProcesses(group: number, kill: () => void): { isExceeded(): boolean; end(): void } {
  let isExceeded = false
  let looks = 0
  const look = () => {
    looks += 1
    const isWide = looks % LOOKS_PER_WIDE_LOOK === 0
    const count = isWide ? countGroup(group) : (countDescendants(group, MAX_PROCESSES + 1) ?? 0)
    if (count <= MAX_PROCESSES) return
    isExceeded = true
    kill()
  }
  const timer = setInterval(look, LOOK_MS)
  return { isExceeded: () => isExceeded, end: () => clearInterval(timer) }
}
