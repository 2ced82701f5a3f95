/** How a run ended, in the words of its record. */
import { Fault } from '../../../contract/fault.ts'
import type { Redactor } from '../../../redact/redactor.ts'
import { DISK_FULL, type DiskSpace } from '../../disk-space.ts'
import type { Log } from '../../log.ts'
import { faultText } from '../fault-as-text.ts'
import type { RunEnd } from '../journal/run-journal-type.ts'
import { errorText } from '../sandbox/child-protocol.ts'
import type { Outcome } from '../sandbox/script-host.ts'

interface EndedRun {
  context: { runID: string }
  redactor: Redactor
}

interface Services {
  log: Log
  disk: Pick<DiskSpace, 'note'>
}

interface Conclusion {
  run: EndedRun & { pipeline: { filename: string } }
  stop: AbortSignal
  failure: unknown
  outcome: Outcome | undefined
  /** How often the process of a script may be started. */
  mostStarts: number
  services: Services
}

/** @returns its message is redacted */
export function conclude({ run, stop, failure, outcome, mostStarts, services }: Conclusion): RunEnd {
  const { redactor, pipeline } = run
  if (outcome?.kind === 'done' && failure === undefined) return { status: 'success', message: undefined }
  if (stop.aborted) {
    const reason: unknown = stop.reason
    const message = reason instanceof Fault ? reason.message : 'stopped'
    return { status: 'stopped', message: redactor.text(message) }
  }
  if (failure instanceof Fault) return { status: 'failed', message: redactor.text(faultText(failure)) }
  if (failure === undefined && outcome?.kind === 'killed') {
    return { status: 'failed', message: `the script's process was killed ${mostStarts} times` }
  }
  if (failure === undefined && outcome?.kind === 'overlooked') {
    return { status: 'failed', message: redactor.text(outcome.message) }
  }
  if (failure === undefined && outcome?.kind === 'failed') {
    return { status: 'failed', message: redactor.text(errorText(pipeline.filename, outcome.error)) }
  }
  return endOfDefect(run, failure, services)
}

/** The end of a run that the server could not continue: the log gets the error, the run what is known of the reason. */
export function endOfDefect(
  { context, redactor }: EndedRun,
  error: unknown,
  { log, disk }: Services,
): RunEnd {
  log.error('run broke', { run: context.runID, error: redactor.text(String(error)) })
  const message = disk.note(error)
    ? `${DISK_FULL}: what the run did could not be stored`
    : 'the server could not continue this run'
  return { status: 'failed', message }
}
