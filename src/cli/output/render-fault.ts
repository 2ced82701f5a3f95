/** What a user sees when a command fails: a fact and a hint, or the same as JSON. */
import { Fault } from '../../contract/fault.ts'
import { printable } from '../../platform/terminal/make-text-printable.ts'
import { OutputError } from '../../platform/terminal/standard-streams.ts'
import { toJson } from './print.ts'

/**
 * Any thrown thing as a `Fault`. What is not one is a defect of ours: its message may carry anything,
 * so only its kind is shown, and the rest waits for `--debug`.
 */
export function toFault(error: unknown): Fault {
  if (error instanceof Fault) return error
  if (error instanceof Error && error.name === 'AbortError') return new Fault('interrupted', 'interrupted')
  if (error instanceof OutputError) return outputFault(error, 'make room there, or write it elsewhere')
  const kind = error instanceof Error ? error.name : typeof error
  return new Fault('failed', `unexpected ${kind}`, {
    hint: 'this is a defect in fob; run it again with --debug and report what it prints',
    cause: error,
  })
}

/** Standard output that cannot be written to, as a fault. */
export function outputFault({ message }: OutputError, hint: string): Fault {
  return new Fault('failed', `cannot write to standard output: ${message}`, { hint })
}

/**
 * A fault as the lines that a user sees, or as one JSON object with `-o json`. Names of files, of runs and other text
 * from outside are made printable, so that they cannot drive a terminal.
 */
export function renderFault(fault: Fault, format: 'text' | 'json'): string {
  if (format === 'json') {
    const { code, message, hint } = fault
    return `${toJson({ error: { code, message, ...(hint === undefined ? {} : { hint }) } })}\n`
  }
  // A hint of several lines (source with a caret) starts on a line of its own.
  const hint = fault.hint === undefined ? '' : `hint:${fault.hint.includes('\n') ? '\n' : ' '}${fault.hint}\n`
  const lines = `fob: ${fault.message}\n${hint}`.split('\n')
  return lines.map((line) => printable(line)).join('\n')
}
