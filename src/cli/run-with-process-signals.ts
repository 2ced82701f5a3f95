/** Runs a command line in this process, with its signals and its environment. */
import { mergeNoProxy } from '../platform/network/merge-no-proxy-variables.ts'
import { interruption, systemDeps } from './deps.ts'
import { EXIT } from './exit-codes.ts'
import { runCommandLine } from './run-command-line.ts'

/**
 * The first SIGINT, SIGTERM or SIGHUP aborts the command's signal, so that it leaves nothing half-written; a second one
 * ends the process at once.
 * @returns the exit status
 */
export function runProcess(argv: readonly string[]): Promise<number> {
  mergeNoProxy(process.env)
  const abort = new AbortController()
  const interrupt = () => {
    if (abort.signal.aborted) process.exit(EXIT.interrupted)
    abort.abort(interruption())
  }
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, interrupt)
  return runCommandLine(argv, systemDeps(abort.signal))
}
