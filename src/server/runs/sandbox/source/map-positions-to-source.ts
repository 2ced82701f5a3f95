/** Places in the code that the VM runs, as places in the source of the script. */
import { align } from './align-stripped-code-with-source.ts'
import { tokensOf } from './script-word-positions.ts'

export interface Place {
  line: number
  /** In UTF-16 units, from 1. */
  column?: number
}

interface Positions {
  /**
   * @param line of the code that the VM runs, from 1
   * @param column in bytes of UTF-8, as the VM counts, from 1
   * @returns undefined where no word of the line is known: no position is better than a wrong one
   */
  inSource(line: number, column: number): Place | undefined
  /** The stack of the VM without the frames of fob, with places in the source. */
  stack(raw: string): string
}

/** The place of a word in the code, and its place in the source. */
interface KnownWord {
  at: number
  source: number
}

/** The index is created with the first question, in a time that grows with the length of the script. */
export function createPositions({ source, code, filename }: Script): Positions {
  let created: ReturnType<typeof createIndex> | undefined
  const index = () => (created ??= createIndex(source, code))
  const inSource: Positions['inSource'] = (line, column) => index().find(line, column)

  function frame(text: string): string {
    const place = frameOf(text, filename)
    if (place?.column === undefined) return text
    const found = inSource(place.line, place.column)
    const shown = [filename, found?.line, found?.column].filter((part) => part !== undefined).join(':')
    return `${text.slice(0, place.from)}${shown}${text.endsWith(')') ? ')' : ''}`
  }
  return { inSource, stack: (raw) => withoutFob(raw.split('\n')).map(frame).join('\n') }
}

/** Frames of fob tell the author of a script nothing, and neither do those of the engine that fob has called. */
function withoutFob(frames: readonly string[]): string[] {
  let isFob = false
  const ofScript = frames.toReversed().filter((frame) => {
    if (!frame.endsWith('(native)')) isFob = /\(fob(?::\d+:\d+)?\)$/.test(frame)
    return !isFob
  })
  return ofScript.toReversed()
}

interface Script {
  source: string
  code: string
  filename: string
}

/** The place at the end of a line of a stack, if it is in this file. `from`: the index of the place in the line. */
export function frameOf(text: string, filename: string): (Place & { from: number }) | undefined {
  const from = text.lastIndexOf(`${filename}:`)
  const numbers = from < 0 ? null : /^(\d+)(?::(\d+))?\)?$/.exec(text.slice(from + filename.length + 1))
  if (!numbers) return undefined
  const [line, column] = [Number(numbers[1]), numbers[2]]
  return column === undefined ? { line, from } : { line, column: Number(column), from }
}

function createIndex(source: string, code: string) {
  const codeLines = lineStarts(code)
  const sourceLines = lineStarts(source)
  const known = source === code ? undefined : knownWords(source, code)

  function placeOf(at: number): Required<Place> {
    const line = countUpTo(sourceLines, at)
    return { line, column: at - (sourceLines[line - 1] ?? 0) + 1 }
  }

  function find(line: number, column: number): Place | undefined {
    const start = codeLines[line - 1]
    if (start === undefined) return undefined
    const text = code.slice(start, codeLines[line] ?? code.length)
    const at = start + unitsOf(text, column - 1)
    if (!known) return { line, column: at - start + 1 }
    const next = countUpTo(known, at, (word) => word.at)
    const before = known[next - 1]
    if (before?.at === at) return placeOf(before.source)
    // Any other word of the line gives the line.
    const onLine = [before, known[next]].find(
      (word) => word && word.at >= start && word.at < start + text.length,
    )
    return onLine && { line: placeOf(onLine.source).line }
  }
  return { find }
}

function knownWords(source: string, code: string): KnownWord[] {
  const words = tokensOf(code)
  const written = tokensOf(source)
  const partners = align(words, written)
  return words.flatMap(({ at }, index) => {
    const partner = written[partners[index] ?? -1]
    return partner ? [{ at, source: partner.at }] : []
  })
}

function lineStarts(text: string): number[] {
  const starts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}

/** How many of the rising values are not over `limit`. */
function countUpTo(values: readonly number[], limit: number): number
function countUpTo<T>(values: readonly T[], limit: number, value: (item: T) => number): number
function countUpTo<T>(values: readonly T[], limit: number, value = (item: T) => Number(item)): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const item = values[middle]
    if (item !== undefined && value(item) <= limit) low = middle + 1
    else high = middle
  }
  return low
}

/** How many UTF-16 units the first `bytes` bytes of UTF-8 are. */
function unitsOf(text: string, bytes: number): number {
  let units = 0
  let left = bytes
  while (left > 0 && units < text.length) {
    const point = text.codePointAt(units) ?? 0
    left -= point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
    units += point < 0x10000 ? 1 : 2
  }
  return units
}
