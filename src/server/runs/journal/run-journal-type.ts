/** The journal of one run, as those who run it see it: its methods and the shapes of its entries. */
import type { TaskStatus } from '../../../contract/run-events.ts'
import type { runAnswers } from '../../db/run-journal-schema.ts'
import type { Offsets } from '../drivers/driver-interface.ts'

/** The response to a call of the script, before it is numbered. `json` has been through the redactor. */
export type NewResponse = Omit<typeof runAnswers.$inferInsert, 'runId' | 'attempt' | 'seq'>

/** A recorded response without its text, which can be long. */
export type RecordedResponse = Omit<typeof runAnswers.$inferSelect, 'runId' | 'json'>

/** A piece of output, redacted. Without `task` and `number` the script itself printed it. */
export interface LogEntry {
  task?: string
  number?: number
  stream: 'stdout' | 'stderr'
  /** A text, or its UTF-8: output is never decoded on its way into the database. */
  data: string | Uint8Array
}

/** How much of one stream is in the log. */
export interface OutputMark {
  /** The number of the task; 0 is the script. */
  number: number
  stream: 'stdout' | 'stderr'
  /** Counted before redaction, from the start of the stream. */
  bytes: number
}

/** How a run ended. */
export interface RunEnd {
  status: 'success' | 'failed' | 'stopped'
  message: string | undefined
  /** How often each secret was redacted, and where; unknown for a run whose server was killed. */
  redactions?: { secret: string; in: string; hits: number }[]
}

/** The run was left to the next server: this one records nothing about it any more. */
export class RunDetached extends Error {
  constructor(runId: string) {
    super(`run ${runId} is left to the next server`)
  }
}

/**
 * Writes of one run are stored in the order of the calls; only the end of a task is stored a moment later, with the
 * response to its call or at the end of this turn of the event loop. Every text has been through the run's redactor.
 * After `detach` every method that returns a promise rejects with `RunDetached`.
 */
export interface RunJournal {
  /** 1, and one more each time that the run is resumed. */
  readonly attempt: number
  started(): Promise<void>
  /** Also called for a task that is run again from its start. @returns the recorded instant */
  taskStarted(task: { number: number; name: string }): Promise<number>
  /** @returns the recorded instant */
  taskEnded(task: {
    number: number
    name: string
    status: TaskStatus
    code: number | undefined
  }): Promise<number>
  /**
   * Output is stored within some milliseconds and before anything that is written later; at once where much is
   * waiting. Output that could not be stored stays buffered and is stored with the next write, whose caller gets
   * the error.
   * @param mark stored in the same transaction as the entries
   */
  log(entries: readonly LogEntry[], mark?: OutputMark): Promise<void>
  /** The bytes of the last marks that are stored. @param number of the task, 0 for the script */
  stored(number: number): Offsets
  /** Stored when this returns, together with all that was written before. */
  responded(response: NewResponse): RecordedResponse
  /** Notes that the run is being stopped, so that no later server continues it. */
  stopping(reason: string): void
  /**
   * Records the end of the run, and of tasks that are still recorded as running. Nothing can be written after
   * it, and followers are released, also where it could not be recorded.
   * @throws Error when it could not be recorded after several attempts
   */
  finish(end: RunEnd): Promise<void>
  /** Leaves the run to the next server: stores what is buffered, and then nothing more. */
  detach(): void
}
