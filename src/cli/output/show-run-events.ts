/** Shows the events of a run: its output on stdout, the state of its tasks on stderr, and a line of progress below. */
import { type FinalStatus, isFinal, type NumberedEvent, type RunEvent } from '../../contract/run-events.ts'
import { createTaskLogPrinter } from '../../platform/terminal/task-log-printer.ts'
import { printable } from '../../platform/terminal/make-text-printable.ts'
import type { Deps } from '../deps.ts'
import type { OutputFormat } from '../parsing/global-flags.ts'
import { toJson } from './print.ts'
import { type Progress, startProgress } from './progress-line.ts'

interface View {
  format: OutputFormat
  /** Nothing but the output of the run. */
  silent: boolean
}

/**
 * Prints events as they come, up to the end of the run.
 * @param open gives them, once the line of progress is there
 * @returns how the run ended
 */
export async function showRun(
  view: View,
  deps: Deps,
  open: (progress: Progress) => AsyncIterable<NumberedEvent>,
): Promise<FinalStatus> {
  const progress = startProgress(deps, view.format !== 'json' && !view.silent)
  const show = presenter(view, deps, progress)
  let final: FinalStatus | undefined
  try {
    for await (const event of open(progress)) {
      if (event.type === 'run' && isFinal(event.data.status)) final = event.data.status
      // After the last status, only the exit code is left to tell by.
      if (event.type === 'exit') final ??= event.data.code === 0 ? 'success' : 'failed'
      show.event(event, final)
      if (final !== undefined && event.type === 'exit') return final
    }
    throw new Error('a run that is followed ends with its exit')
  } finally {
    show.end()
    progress.end()
  }
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

export function presenter(view: View, { io }: Deps, progress: Progress): Presenter {
  if (view.format === 'json') {
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
    if (view.silent) return
    lines.breakLine()
    progress.around(`${line}\n`, (text) => io.stderr.write(text))
  }
  let isFirst = true
  function event(next: RunEvent, final?: FinalStatus): void {
    show(next, final)
    isFirst = false
  }
  function show({ type, data }: RunEvent, final?: FinalStatus): void {
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
      case 'run': {
        const { status, attempt } = data
        // A log that starts with an attempt needs no word between it and the one before.
        if (status === 'queued' && attempt !== undefined && !isFirst) say(`↻ attempt ${attempt}`)
        return progress.run(status)
      }
      case 'exit': {
        const { message } = data
        lines.end()
        progress.end()
        if (message !== undefined) io.stderr.write(`${printable(message)}\n`)
        if (final !== undefined && !view.silent) io.stderr.write(`${ENDED[final]}\n`)
      }
    }
  }
  return { event, end: lines.end }
}
