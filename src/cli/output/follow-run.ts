/** Follows a run: its output on stdout, the state of its tasks on stderr, and a line of progress below. */
import { type FinalStatus, isFinal, type NumberedEvent, type RunEvent } from '../../contract/run-events.ts'
import { Fault } from '../../contract/fault.ts'
import { createTaskLogPrinter } from '../../platform/terminal/task-log-printer.ts'
import { printable } from '../../platform/terminal/make-text-printable.ts'
import { followEvents } from '../../session/events/follow-run-events.ts'
import type { Client } from '../client/command-context.ts'
import type { Deps } from '../deps.ts'
import { toJson } from './print.ts'
import { type Progress, startProgress } from './progress-line.ts'
import { runPath } from '../client/run-api-path-and-page-url.ts'

/**
 * Prints the log of a run as it is written. After a lost connection it reconnects, and no line is lost or doubled.
 * @param after starts after the event of this number
 * @returns how the run ended
 * @throws Fault `unreachable` when the stream stays broken, `interrupted` on Ctrl-C; the run itself continues
 */
export async function followRun(client: Client, deps: Deps, runId: string, after = 0): Promise<FinalStatus> {
  const progress = startProgress(deps, client.format !== 'json' && !client.silent)
  const show = presenter(client, deps, progress)
  let final: FinalStatus | undefined
  try {
    for await (const event of eventsOf(client, deps, { runId, after }, progress)) {
      if (event.type === 'run' && isFinal(event.data.status)) final = event.data.status
      // After the last status, only the exit code is left to tell by.
      if (event.type === 'exit') final ??= event.data.code === 0 ? 'success' : 'failed'
      show.event(event, final)
      if (final !== undefined && event.type === 'exit') return final
    }
    throw new Error('a run that is followed ends with its exit')
  } catch (error) {
    throw followFault(error, runId, deps.signal)
  } finally {
    show.end()
    progress.end()
  }
}

/**
 * Prints the log of a run up to the event numbered `last`, and does not wait for more.
 * @throws Fault as `followRun` does
 */
export async function printLogUntil(
  client: Client,
  deps: Deps,
  { runId, last }: { runId: string; last: number },
): Promise<void> {
  const progress = startProgress(deps, false)
  const show = presenter(client, deps, progress)
  try {
    for await (const event of eventsOf(client, deps, { runId }, progress)) {
      if (event.id <= last) show.event(event)
      if (event.id >= last) return
    }
  } finally {
    show.end()
  }
}

function eventsOf(
  { api, say }: Client,
  { clock, signal }: Deps,
  { runId, after = 0 }: { runId: string; after?: number },
  progress: Progress,
) {
  const onLost = () =>
    progress.around('the connection was lost; reconnecting\n', (text) => say(text.trimEnd()))
  return followEvents({ api, path: runPath(runId), after, clock, signal, onLost })
}

const ENDED: Readonly<Record<FinalStatus, string>> = {
  success: '✓ the run succeeded',
  failed: '✗ the run failed',
  stopped: '■ the run was stopped',
}
const TASK_SIGN = { running: '▶', success: '✓', failure: '✗', abort: '■', error: '✗' } as const

interface Presenter {
  /** @param final how the run ended, where that is known */
  event(event: NumberedEvent, final?: FinalStatus): void
  /** Prints unfinished lines, however the following ended. */
  end(): void
}

function presenter(client: Client, { io }: Deps, progress: Progress): Presenter {
  if (client.format === 'json') {
    return {
      event: ({ id, ...event }) => io.stdout.write(`${toJson({ id, ...event })}\n`),
      end: () => {},
    }
  }
  const lines = createTaskLogPrinter({
    isTerminal: { stdout: io.stdout.isTerminal, stderr: io.stderr.isTerminal },
    isShared: io.stdout.isTerminal && io.stderr.isTerminal,
    write(stream, text) {
      // The progress line is not where a file or a pipe is written to.
      if (!io[stream].isTerminal) return io[stream].write(text)
      return progress.around(text, (words) => io[stream].write(words))
    },
  })
  const say = (line: string) => {
    if (client.silent) return
    lines.breakLine()
    progress.around(`${line}\n`, () => client.say(line))
  }
  function event({ type, data }: RunEvent, final?: FinalStatus): void {
    switch (type) {
      case 'log': {
        const { task: name, number, stream, data: text } = data
        return lines.output(name === undefined ? undefined : { name, number }, stream, text)
      }
      case 'task': {
        const { name, status, code } = data
        const detail = code === undefined || code === 0 ? '' : ` (exit code ${code})`
        if (status === 'running') lines.started(data)
        else lines.ended(data)
        progress.task(status)
        return say(`${TASK_SIGN[status]} ${printable(name)}${detail}`)
      }
      case 'run':
        return progress.run(data.status)
      case 'exit': {
        const { message } = data
        lines.end()
        progress.end()
        if (message !== undefined) io.stderr.write(`${printable(message)}\n`)
        if (final !== undefined) client.say(ENDED[final])
      }
    }
  }
  return { event, end: lines.end }
}

/** The next step after a run that failed or was stopped. */
export function failedHint(runId: string): string {
  return `see "fob runs show ${runId}"; run again what failed with "fob runs resume ${runId}"`
}

/** The run has not ended with the following: adds that, and how to follow it again or to stop it. */
function followFault(error: unknown, runId: string, signal: AbortSignal): unknown {
  const hint = `follow it again with "fob runs logs ${runId} -f", or stop it with "fob runs stop ${runId}"`
  if (signal.aborted) return new Fault('interrupted', 'interrupted; the run continues', { hint })
  if (!(error instanceof Fault)) return error
  const { code, message, cause } = error
  // 507: the run has ended, and the server has no room to record it.
  if (error.status === 507) return error
  // What to do about a refused credential comes first.
  if (code === 'unauthenticated') return new Fault(code, message, { hint: error.hint ?? hint, cause })
  return new Fault(code, `${message}; the run may continue`, { hint, cause })
}
