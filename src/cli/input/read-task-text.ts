/** Reads the task of a run: the text of `--task`, or standard input. */
import { Fault } from '../../contract/fault.ts'
import { orAborted } from '../../platform/terminal/read-lines.ts'
import type { Deps } from '../deps.ts'

/** Far more than a task needs; the server takes 10 MiB in all. */
const MAX_TASK_BYTES = 1024 * 1024

/**
 * The text of `--task`; for `-`, all of standard input but the line end that a pipe puts last.
 * @throws Fault `usage` when it is empty, too long or not text, `prompt_needed` at a terminal
 */
export async function readTask(flag: string | undefined, deps: Deps): Promise<string | undefined> {
  const text = flag === '-' ? await readStdin(deps) : flag
  if (text === '') throw new Fault('usage', 'the task is empty', { hint: 'leave --task out' })
  return text
}

async function readStdin({ io, signal }: Deps): Promise<string> {
  if (io.stdin.isTerminal) {
    throw new Fault('prompt_needed', '--task - reads from a pipe, and standard input is a terminal', {
      hint: 'fob run NAME --task - < task.txt',
    })
  }
  const bytes = await orAborted(io.stdin.readAll(MAX_TASK_BYTES), signal)
  if (bytes === null) throw new Fault('usage', 'the task on standard input is larger than 1 MiB')
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '')
  } catch {
    throw new Fault('usage', 'the task on standard input is not UTF-8 text')
  }
}
