/** Follows a run: its output on stdout, the state of its tasks on stderr, and a line of progress below. */
import type { FinalStatus } from '../../contract/run-events.ts'
import { Fault } from '../../contract/fault.ts'
import { followEvents } from '../../session/events/follow-run-events.ts'
import type { Client } from '../client/command-context.ts'
import type { Deps } from '../deps.ts'
import { type Progress, startProgress } from './progress-line.ts'
import { presenter, showRun } from './show-run-events.ts'
import { runPath } from '../client/run-api-path-and-page-url.ts'

/**
 * Prints the log of a run as it is written. After a lost connection it reconnects, and no line is lost or doubled.
 * @param after starts after the event of this number
 * @returns how the run ended
 * @throws Fault `unreachable` when the stream stays broken, `interrupted` on Ctrl-C; the run itself continues
 */
export async function followRun(client: Client, deps: Deps, runId: string, after = 0): Promise<FinalStatus> {
  try {
    return await showRun(client, deps, (progress) => eventsOf(client, deps, { runId, after }, progress))
  } catch (error) {
    throw followFault(error, runId, deps.signal)
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
