/** Printing the output of tasks so that a reader can tell which task a line is from. */
import { RESET, type TerminalFilter, terminalFilter } from './control-sequence-filter.ts'
import { printable } from './make-text-printable.ts'

/** How much of a line without an end is buffered, in UTF-16 units; a longer line is broken. */
const MAX_LINE = 16 * 1024

type Stream = 'stdout' | 'stderr'
const STREAMS: readonly Stream[] = ['stdout', 'stderr']

/** A task's name and, as names may repeat, its number in the run. */
interface TaskId {
  name: string
  number?: number | undefined
}

/**
 * A task that runs alone is passed through as its output comes. As soon as several run at once, each is printed by
 * the line, with its name before it, until it ends.
 */
export interface TaskLogPrinter {
  started(task: TaskId): void
  /** Prints a piece of output; `task` is undefined for the output of the pipeline's script. */
  output(task: TaskId | undefined, stream: Stream, data: string): void
  /** Prints what is buffered of the task's lines. */
  ended(task: TaskId): void
  /** Ends an open line on stderr, before something else is printed there. */
  breakLine(): void
  /** Prints what is buffered of all lines. */
  end(): void
}

/** A task, or the script, whose output is printed. */
interface Source {
  /** What is printed before its lines; undefined while it is passed through. */
  prefix: string | undefined
  label: string
  filters: Record<Stream, TerminalFilter>
  /** With a prefix, the buffered lines that have no end yet. */
  rest: Record<Stream, string>
}

export interface LogOutput {
  isTerminal: Readonly<Record<Stream, boolean>>
  /** Whether both streams are shown in one place, where an open line of one gets in the way of the other. */
  isShared: boolean
  write: (stream: Stream, text: string) => void
}

/** Creates the printer of one run. */
export function createTaskLogPrinter({ isTerminal, isShared, write }: LogOutput): TaskLogPrinter {
  const script = createSource('')
  /** The tasks that run, by key. */
  const tasks = new Map<string, Source>()
  /** The number of tasks so far, by name. */
  const names = new Map<string, number>()
  const labels = new Map<string, string>()
  /** The source of the open line, by place. */
  const open: Partial<Record<Stream, Source>> = {}
  const placeOf = (stream: Stream): Stream => (isShared ? 'stdout' : stream)

  function createSource(label: string): Source {
    return {
      prefix: undefined,
      label,
      filters: { stdout: filterFor(isTerminal.stdout), stderr: filterFor(isTerminal.stderr) },
      rest: { stdout: '', stderr: '' },
    }
  }

  /** Creates the source of a task whose start was not seen. */
  function find({ name, number }: TaskId): Source {
    const key = keyOf({ name, number })
    const known = tasks.get(key)
    if (known) return known
    const created = createSource(labels.get(key) ?? newLabel(key, name))
    tasks.set(key, created)
    if (tasks.size > 1) for (const task of tasks.values()) giveName(task)
    return created
  }

  function newLabel(key: string, name: string): string {
    const count = (names.get(name) ?? 0) + 1
    names.set(name, count)
    const label = count === 1 ? printable(name) : `${printable(name)} (${count})`
    labels.set(key, label)
    return label
  }

  function giveName(task: Source): void {
    if (task.prefix !== undefined) return
    close(task)
    task.prefix = `${task.label} | `
  }

  /** Ends the open lines of a task that was passed through. */
  function close(task: Source): void {
    for (const stream of STREAMS) if (open[placeOf(stream)] === task) makeRoom(stream)
  }

  /** Ends the open line at the place of `stream`, unless it is a line of `next`. */
  function makeRoom(stream: Stream, next?: Source): void {
    const place = placeOf(stream)
    if (open[place] === undefined || open[place] === next) return
    delete open[place]
    write(stream, '\n')
  }

  /** @param style the colours in which the text before it ended */
  function pass(task: Source, stream: Stream, text: string, style: string): void {
    if (text === '') return
    makeRoom(stream, task)
    // Whatever comes next is not printed in the colours of the task, nor concealed: each piece brings its own.
    write(stream, `${style}${text}${task.filters[stream].style() === '' ? '' : RESET}`)
    const shown = text.slice(-LAST).replace(LAST_COLOURS, '')
    if (shown.endsWith('\n')) delete open[placeOf(stream)]
    else if (shown !== '') open[placeOf(stream)] = task
  }

  function print(task: Source, stream: Stream, lines: readonly string[]): void {
    if (lines.length === 0) return
    makeRoom(stream)
    const reset = (line: string) => (isTerminal[stream] && line.includes('\u001b') ? RESET : '')
    write(stream, lines.map((line) => `${task.prefix}${line}${reset(line)}\n`).join(''))
  }

  function addLines(task: Source, stream: Stream, text: string): void {
    const lines = (task.rest[stream] + text).split('\n')
    let rest = lastState(lines.pop() ?? '', true)
    const whole = lines.map((line) => lastState(line, false))
    for (; rest.length > MAX_LINE; rest = rest.slice(MAX_LINE)) whole.push(rest.slice(0, MAX_LINE))
    task.rest[stream] = rest
    print(task, stream, whole)
  }

  function finish(task: Source): void {
    close(task)
    for (const stream of STREAMS) {
      const rest = lastState(task.rest[stream], false)
      task.rest[stream] = ''
      if (rest !== '') print(task, stream, [rest])
    }
  }

  return {
    started: (task) => void find(task),
    output(task, stream, data) {
      const source = task === undefined ? script : find(task)
      const filter = source.filters[stream]
      const style = filter.style()
      const text = filter.push(data)
      if (source.prefix === undefined) pass(source, stream, text, style)
      else addLines(source, stream, text)
    },
    ended(task) {
      finish(find(task))
      tasks.delete(keyOf(task))
    },
    breakLine: () => makeRoom('stderr'),
    end() {
      for (const task of [...tasks.values(), script]) finish(task)
    },
  }
}

function filterFor(isTerminal: boolean): TerminalFilter {
  return isTerminal ? terminalFilter() : { push: (text) => text, style: () => '' }
}

/** How many of the last UTF-16 units are searched for colours behind the last line end. */
const LAST = 256
/* oxlint-disable-next-line no-control-regex -- ECMA-48 §8.3.117: a colour moves no cursor */
const LAST_COLOURS = /(?:\u001b\[[0-9;:]*m)+$/

function keyOf({ name, number }: TaskId): string {
  return number === undefined ? `name ${name}` : String(number)
}

/**
 * The last state of a line that was overwritten, such as a progress bar: behind a name there is no first column.
 * @param isOpen whether the line has no end yet, so that the last carriage return may be a part of its end
 */
function lastState(line: string, isOpen: boolean): string {
  const end = line.endsWith('\r') ? line.replace(/\r+$/, '') : line
  return end.slice(end.lastIndexOf('\r') + 1) + (isOpen && end !== line ? '\r' : '')
}
