/** Prints lists, records, JSON and text from others on standard output. */
import type { Io, Output } from '../../platform/terminal/standard-streams.ts'
import { RESET, terminalFilter } from '../../platform/terminal/control-sequence-filter.ts'
import { printable } from '../../platform/terminal/make-text-printable.ts'
import type { OutputFormat } from '../parsing/global-flags.ts'

/** A column of a list: its heading, and what it shows of a row. */
export interface Column<T> {
  title: string
  cell(row: T): string
}

/**
 * Prints a list on stdout: aligned columns with a heading, tab-separated values without one, or JSON.
 * JSON is the rows as they are (an array of objects); the other two show `columns`.
 */
export function printList<T>(
  io: Io,
  format: OutputFormat,
  rows: readonly T[],
  columns: readonly Column<T>[],
): void {
  if (format === 'json') return printJson(io, rows)
  const cells = rows.map((row) => columns.map((column) => printable(column.cell(row))))
  if (format === 'tsv') {
    io.stdout.write(cells.map((line) => `${line.join('\t')}\n`).join(''))
    return
  }
  if (rows.length === 0) return
  const table = [columns.map((column) => column.title.toUpperCase()), ...cells]
  const widths = columns.map((_, i) => Math.max(...table.map((line) => Bun.stringWidth(line[i] ?? ''))))
  for (const line of table) {
    const padded = line.map((cell, i) => cell + ' '.repeat((widths[i] ?? 0) - Bun.stringWidth(cell)))
    io.stdout.write(`${padded.join('  ').trimEnd()}\n`)
  }
}

/** Says what was done, in words; with `-o json` also as an object on stdout. */
export function sayDone(
  { io, format, say }: { io: Io; format: OutputFormat; say: (text: string) => void },
  what: object,
  words: string,
): void {
  if (format === 'json') printJson(io, what)
  say(words)
}

/** Says on a terminal that a list is empty, where silence would look like a mistake. */
export function sayIfNone(
  { format, say }: { format: OutputFormat; say: (text: string) => void },
  rows: readonly unknown[],
  what: string,
): void {
  if (format === 'table' && rows.length === 0) say(`no ${what} yet`)
}

/** Prints one thing on stdout: `name: value` lines, `name<TAB>value` lines, or a JSON object. */
export function printRecord(
  io: Io,
  format: OutputFormat,
  record: object,
  fields: readonly (readonly [name: string, value: string])[],
): void {
  if (format === 'json') return printJson(io, record)
  // A name can be foreign too: a task is called what its script calls it.
  const lines = fields.map(([name, value]) => [printable(name), printable(value)] as const)
  const width = Math.max(...lines.map(([name]) => Bun.stringWidth(name)))
  for (const [name, value] of lines) {
    const gap = ' '.repeat(width - Bun.stringWidth(name) + 1)
    io.stdout.write(format === 'tsv' ? `${name}\t${value}\n` : `${name}:${gap}${value}\n`)
  }
}

export function printJson(io: Io, value: unknown): void {
  io.stdout.write(`${toJson(value, io.stdout.isTerminal ? 2 : undefined)}\n`)
}

// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const RAW_IN_JSON = /[\u007f-\u009f]/g

/** JSON that is safe on a terminal too: `JSON.stringify` leaves DEL and the C1 controls as they are. */
export function toJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(
    RAW_IN_JSON,
    (char) => `\\u00${char.charCodeAt(0).toString(16)}`,
  )
}

/** Text from others, as it is; on a terminal without control sequences but colours, which end with it. */
export function printForeign(output: Output, text: string): void {
  if (!output.isTerminal) return output.write(text)
  const filter = terminalFilter()
  output.write(filter.push(text))
  if (filter.style() !== '') output.write(RESET)
}
