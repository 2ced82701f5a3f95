import { Fault, type FaultCode } from '../contract/fault.ts'
import { OutputError } from '../platform/terminal/standard-streams.ts'
import { printable } from '../platform/terminal/printable-text.ts'
import { toJson } from './output/print.ts'

/** The exit status of every fault (contract §3). Total: a new code does not compile until it is here. */
export const EXIT = {
  failed: 1,
  run_failed: 1,
  conflict: 1,
  busy: 1,
  usage: 2,
  config: 2,
  prompt_needed: 2,
  unauthenticated: 4,
  signature_refused: 4,
  credentials_expired: 4,
  login_denied: 4,
  login_timeout: 4,
  forbidden: 5,
  not_found: 6,
  unreachable: 7,
  server_error: 7,
  interrupted: 130,
} as const satisfies Record<FaultCode, number>

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
 * A fault as the lines that a user sees, or as one JSON object with `-o json` (contract §3). Names of files, of runs
 * and of whatever else is not ours stand in them, and cannot drive a terminal.
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
