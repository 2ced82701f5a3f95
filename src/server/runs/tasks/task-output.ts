/** The output of one task on its way from the driver to the log. */
import type { Redactor } from '../../../redact/redactor.ts'
import type { TaskSinks } from '../drivers/driver-interface.ts'
import { RunDetached, type RunJournal } from '../journal/run-journal-type.ts'
import type { TaskRow } from '../journal/read-run-records.ts'
import { createOutput, type Output, type StoredOutput, type Tail } from '../log/redact-and-store-output.ts'

export type TaskName = Pick<TaskRow, 'number' | 'name'>

/** What an earlier server has stored of both streams. */
interface StoredStreams {
  stdout: StoredOutput
  stderr: StoredOutput
}

export interface TaskOutput {
  /** For the driver. */
  sinks: TaskSinks
  /** Stores what is still buffered of both streams. */
  end(): Promise<void>
  /** The end of each stream, redacted. */
  tails(): { stdout: Tail; stderr: Tail }
}

export function openTaskOutput(
  { journal, redactor }: { journal: RunJournal; redactor: Redactor },
  { number, name }: TaskName,
  before?: StoredStreams,
): TaskOutput {
  const open = (stream: 'stdout' | 'stderr') =>
    createOutput(
      redactor.stream(name),
      (pieces, bytes) =>
        journal.log(
          pieces.map((data) => ({ task: name, number, stream, data })),
          { number, stream, bytes },
        ),
      before?.[stream],
    )
  const stdout = open('stdout')
  const stderr = open('stderr')
  return {
    sinks: {
      stdout: untilDetached(stdout.write),
      stderr: untilDetached(stderr.write),
      stored: () => journal.stored(number),
    },
    end: async () => {
      await stdout.end()
      await stderr.end()
    },
    tails: () => ({ stdout: stdout.tail(), stderr: stderr.tail() }),
  }
}

/**
 * A sink that takes nothing more once the run is left to the next server: it then never resolves, so the driver
 * keeps the rest of the output, the task continues, and the next server gets that output.
 */
function untilDetached(write: Output['write']): Output['write'] {
  return async (chunk) => {
    try {
      await write(chunk)
    } catch (error) {
      if (!(error instanceof RunDetached)) throw error
      await new Promise<never>(() => {})
    }
  }
}
