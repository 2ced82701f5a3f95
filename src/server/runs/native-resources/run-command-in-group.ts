/** Runs one command in a process group of its own, with bounds on its output. */
import type { Env } from '../../../platform/processes/own-and-child-environment.ts'
import { killGroup } from '../signal-process-group.ts'

/** The most output of a command; a list of a hundred thousand references has some 6 MiB. */
const MAX_OUTPUT = 32 * 1024 * 1024
const MAX_ERRORS = 64 * 1024

interface Command {
  cmd: string[]
  cwd: string
  env: Env
  input?: Uint8Array<ArrayBuffer> | undefined
  signal: AbortSignal
}

/** @returns its exit code, -1 where it printed too much. @throws the signal's reason */
export async function runInGroup({
  cmd,
  cwd,
  env,
  input,
  signal,
}: Command): Promise<{ code: number; out: string; err: string }> {
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
  try {
    const outputs = Promise.all([
      read(child.stdout, MAX_OUTPUT, kill),
      read(child.stderr, MAX_ERRORS, () => {}),
    ])
    const code = await child.exited
    kill()
    const [out, err] = await outputs
    signal.throwIfAborted()
    return { code: out === undefined ? -1 : code, out: out ?? '', err: err ?? '' }
  } finally {
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
