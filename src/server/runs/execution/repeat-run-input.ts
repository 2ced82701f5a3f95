/** The input of a run, for another run of the same. */
import { eq } from 'drizzle-orm'
import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import { MARK } from '../../../redact/redacting-stream.ts'
import type { Db } from '../../db/open-database.ts'
import { runScripts } from '../../db/run-journal-schema.ts'
import type { RunRow } from '../journal/read-run-records.ts'
import { runInput, type RunInput } from './redact-and-store-run-input.ts'

/**
 * What a run was given, exactly. Input with a secret in it is kept for resuming the run alone, and a request no longer
 * than until the run has succeeded: a run without them would be another one.
 * @throws Fault `conflict`, which says what is not stored
 */
export async function inputToRepeat(db: Db, run: RunRow): Promise<RunInput> {
  const [script] = await db
    .select({ input: runScripts.handedIn })
    .from(runScripts)
    .where(eq(runScripts.runId, run.id))
  if (typeof script?.input === 'string') return v.parse(runInput, JSON.parse(script.input))
  const redacted = redactedParts(run)
  if (redacted.length > 0)
    throw notStored(run, `${redacted.join(' and ')} held a secret, which is not stored`)
  if (hadRequest(run))
    throw notStored(run, 'the request of the webhook that started it is not stored any more')
  return { args: run.args, ...(run.task === null ? {} : { task: run.task }) }
}

/** In a record of before, a text that looks redacted may have been one that was given so: nobody knows. */
function redactedParts({ args, task, inputRedacted }: RunRow): string[] {
  if (inputRedacted === false) return []
  const parts = args.flatMap((arg, i) => (arg.includes(MARK) ? [`argument ${i + 1}`] : []))
  if (task?.includes(MARK) === true) parts.push('the task')
  return parts.length === 0 && inputRedacted === true ? ['the input'] : parts
}

function hadRequest({ origin, triggeredBy, starter }: RunRow): boolean {
  if (origin === null) return starter === null && triggeredBy === 'webhook'
  return origin.kind === 'webhook' || ('request' in origin && origin.request === true)
}

function notStored({ pipelineName }: RunRow, what: string): Fault {
  return new Fault('conflict', `the run cannot be started again as it was: ${what}`, {
    hint: `start a new one with what it needs: fob pipeline run ${pipelineName}`,
  })
}
