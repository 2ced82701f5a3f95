/** The lines at the head of a run's log, before its script starts. */
import type { LogEntry } from '../journal/run-journal-type.ts'
import { leftOutWarning } from '../secrets/redact-own-secrets.ts'
import { unsetSecretsWarning } from '../secrets/unset-secrets-warning.ts'

interface HeadOfLog {
  pipeline: { name: string }
  /** From 1. */
  attempt: number
  /** The pipeline has another source than the run. */
  sourceChanged: boolean
  /** The keys of secrets that the source names and that are not set. */
  unset: readonly string[]
  /** The keys of the pipeline's own secrets that are redacted only where they are used. */
  leftOut: readonly string[]
}

export function headOfLog({ pipeline, attempt, sourceChanged, unset, leftOut }: HeadOfLog): LogEntry[] {
  return [
    ...(sourceChanged ? [sourceChangedWarning(pipeline.name, attempt)] : []),
    ...(unset.length === 0 ? [] : [unsetSecretsWarning(unset)]),
    ...(leftOut.length === 0 ? [] : [leftOutWarning(leftOut)]),
  ]
}

function sourceChangedWarning(name: string, attempt: number): LogEntry {
  const data = `warning: the source of ${name} has changed since this run was started; attempt ${attempt} runs the source as it was then\n`
  return { stream: 'stderr', data }
}
