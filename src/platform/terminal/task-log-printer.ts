import { type TerminalFilter, terminalFilter } from './control-sequence-filter.ts'
import { printable } from './printable-text.ts'

/** So much is kept of a line that has no end yet, in UTF-16 units; what is longer is broken. */
const MAX_LINE = 16 * 1024

type Stream = 'stdout' | 'stderr'
const STREAMS: readonly Stream[] = ['stdout', 'stderr']

/** The name and, as names may repeat, the number in the run. */
interface TaskId {
  name: string
  number?: number | undefined
}

/**
 * What tasks print, so that one can tell whose it is. A task that is alone is passed through as it comes. Tasks that
 * go on at once are printed by the line, with the name before it, from then to their ends.
 */
export interface TaskLines {
  begins(task: TaskId): void
  /** A piece of output; `task` is undefined where the pipeline's script speaks. */
  says(task: TaskId | undefined, stream: Stream, data: string): void
  /** Prints what is left of a line. */
  ends(task: TaskId): void
  /** Before something else is printed on stderr. */
  breakLine(): void
  /** Prints what is left of all lines. */
  end(): void
}

interface Speaker {
  /** What stands before its lines; undefined while it is passed through. */
  prefix: string | undefined
  label: string
  filters: Record<Stream, TerminalFilter>
  /** With a prefix, the lines that have no end yet. */
  rest: Record<Stream, string>
}

export interface LogOutput {
  isTerminal: Readonly<Record<Stream, boolean>>
  /** Whether both streams come out in one place, where a line of one is in the way of the other. */
  isShared: boolean
  write: (stream: Stream, text: string) => void
}

export function openTaskLines({ isTerminal, isShared, write }: LogOutput): TaskLines {
  const script = speaker('')
  /** Those that go on. */
  const tasks = new Map<string, Speaker>()
  /** How many there have been of each name. */
  const names = new Map<string, number>()
  const labels = new Map<string, string>()
  /** By place, whose line is under way. */
  const open: Partial<Record<Stream, Speaker>> = {}
  const placeOf = (stream: Stream): Stream => (isShared ? 'stdout' : stream)

  function speaker(label: string): Speaker {
    return {
      prefix: undefined,
      label,
      filters: { stdout: filterFor(isTerminal.stdout), stderr: filterFor(isTerminal.stderr) },
      rest: { stdout: '', stderr: '' },
    }
  }

  /** Also of one whose beginning was not seen. */
  function find({ name, number }: TaskId): Speaker {
    const key = keyOf({ name, number })
    const known = tasks.get(key)
    if (known) return known
    const made = speaker(labels.get(key) ?? newLabel(key, name))
    tasks.set(key, made)
    if (tasks.size > 1) for (const task of tasks.values()) giveName(task)
    return made
  }

  function newLabel(key: string, name: string): string {
    const count = (names.get(name) ?? 0) + 1
    names.set(name, count)
    const label = count === 1 ? printable(name) : `${printable(name)} (${count})`
    labels.set(key, label)
    return label
  }

  function giveName(task: Speaker): void {
    if (task.prefix !== undefined) return
    close(task)
    task.prefix = `${task.label} | `
  }

  /** Ends the lines of one that is passed through. */
  function close(task: Speaker): void {
    for (const stream of STREAMS) if (open[placeOf(stream)] === task) makeRoom(stream)
  }

  /** Ends the line that is under way where `stream` comes out, unless it is of `next`. */
  function makeRoom(stream: Stream, next?: Speaker): void {
    const place = placeOf(stream)
    if (open[place] === undefined || open[place] === next) return
    delete open[place]
    write(stream, '\n')
  }

  function pass(task: Speaker, stream: Stream, text: string): void {
    if (text === '') return
    makeRoom(stream, task)
    write(stream, text)
    const shown = text.slice(-LAST).replace(LAST_COLOURS, '')
    if (shown.endsWith('\n')) delete open[placeOf(stream)]
    else if (shown !== '') open[placeOf(stream)] = task
  }

  function print(task: Speaker, stream: Stream, lines: readonly string[]): void {
    if (lines.length === 0) return
    makeRoom(stream)
    const reset = (line: string) => (isTerminal[stream] && line.includes('\u001b') ? '\u001b[0m' : '')
    write(stream, lines.map((line) => `${task.prefix}${line}${reset(line)}\n`).join(''))
  }

  function addLines(task: Speaker, stream: Stream, text: string): void {
    const lines = (task.rest[stream] + text).split('\n')
    let rest = lastState(lines.pop() ?? '', true)
    const whole = lines.map((line) => lastState(line, false))
    for (; rest.length > MAX_LINE; rest = rest.slice(MAX_LINE)) whole.push(rest.slice(0, MAX_LINE))
    task.rest[stream] = rest
    print(task, stream, whole)
  }

  function finish(task: Speaker): void {
    close(task)
    for (const stream of STREAMS) {
      const rest = lastState(task.rest[stream], false)
      task.rest[stream] = ''
      if (rest !== '') print(task, stream, [rest])
    }
  }

  return {
    begins: (task) => void find(task),
    says(task, stream, data) {
      const by = task === undefined ? script : find(task)
      const text = by.filters[stream].push(data)
      if (by.prefix === undefined) pass(by, stream, text)
      else addLines(by, stream, text)
    },
    ends(task) {
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
  return isTerminal ? terminalFilter() : { push: (text) => text }
}

/** Where colours are looked for behind the last line end. */
const LAST = 256
/* oxlint-disable-next-line no-control-regex -- ECMA-48 §8.3.117: a colour moves no cursor */
const LAST_COLOURS = /(?:\u001b\[[0-9;:]*m)+$/

function keyOf({ name, number }: TaskId): string {
  return number === undefined ? `name ${name}` : String(number)
}

/**
 * Of a line that was written over, such as a progress bar, what remains: behind a name there is no first column.
 * @param goesOn the line has no end yet, so the last carriage return may belong to it
 */
function lastState(line: string, goesOn: boolean): string {
  const end = line.endsWith('\r') ? line.replace(/\r+$/, '') : line
  return end.slice(end.lastIndexOf('\r') + 1) + (goesOn && end !== line ? '\r' : '')
}
