/** Runs a command line in this process, with its signals and its environment. */
import { mergeNoProxy } from '../platform/network/merge-no-proxy-variables.ts'
import { type Hangups, interruption, systemDeps } from './deps.ts'
import { EXIT } from './exit-codes.ts'
import { runCommandLine } from './run-command-line.ts'

/**
 * The first SIGINT, SIGTERM or SIGHUP aborts the command's signal, so that it leaves nothing half-written; a second one
 * ends the process at once. A server that reads its secrets again on SIGHUP is not ended by it, unless it has a terminal, which
 * is gone then.
 * @returns the exit status
 */
export function runProcess(argv: readonly string[]): Promise<number> {
  mergeNoProxy(process.env)
  const abort = new AbortController()
  const interrupt = () => {
    if (abort.signal.aborted) process.exit(EXIT.interrupted)
    abort.abort(interruption())
  }
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, interrupt)
  const hangups: Hangups = { listener: undefined }
  const hasTerminal = process.stderr.isTTY
  process.on('SIGHUP', () => (hangups.listener && !hasTerminal ? hangups.listener() : interrupt()))
  return runCommandLine(argv, systemDeps(abort.signal, hangups))
}
