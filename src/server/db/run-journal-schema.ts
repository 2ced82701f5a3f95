/** The tables of the journals of runs. */
import { blob, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { runs } from './schema.ts'

/** The tables, in addition to those of `schema.ts`, from which a restarted server resumes a run. */

/** What a run needs to be resumed or started again; deleted once it has succeeded. */
export const runScripts = sqliteTable('run_scripts', {
  runId: text('run_id')
    .primaryKey()
    .references(() => runs.id, { onDelete: 'cascade' }),
  driver: text('driver').notNull(),
  filename: text('filename').notNull(),
  /** As it was when the run started; zstd. */
  source: blob('source', { mode: 'buffer' }).notNull(),
  seed: text('seed').notNull(),
  /** Where the script's clock starts. */
  clock: integer('clock').notNull(),
  /** `{args, task, request}` as provided; null where that holds a secret, and is stored in the vault. */
  handedIn: text('handed_in'),
  /** Added to a call's number, it is the number of the task that the call starts, in this attempt. */
  firstNumber: integer('first_number').notNull().default(0),
  /** How much of what the script itself printed, before redaction, is in the log. */
  stdoutBytes: integer('stdout_bytes').notNull().default(0),
  stderrBytes: integer('stderr_bytes').notNull().default(0),
  /** How often in a row it was resumed after a server was killed, when, and what it had got to by then. */
  takeUps: integer('take_ups').notNull().default(0),
  takenUpAt: integer('taken_up_at'),
  takenUpWith: integer('taken_up_with'),
})

/** What the server answered to a run's script, in the order in which it did. Redacted like the log. */
export const runAnswers = sqliteTable(
  'run_answers',
  {
    runId: text('run_id')
      .notNull()
      .references(() => runs.id, { onDelete: 'cascade' }),
    attempt: integer('attempt').notNull(),
    seq: integer('seq').notNull(),
    /** 1, 2, 3 … in the order in which the script asked. */
    call: integer('call').notNull(),
    method: text('method').notNull(),
    /** Of the parameters. */
    hash: text('hash').notNull(),
    ok: integer('ok', { mode: 'boolean' }).notNull(),
    /** Whether it is good enough for the next attempt. */
    reusable: integer('reusable', { mode: 'boolean' }).notNull(),
    json: text('json').notNull(),
    /** What the script's clock says. */
    at: integer('at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.runId, t.attempt, t.seq] })],
)

/** The attempts of a run that ended before it was resumed; the latest attempt is the run itself. */
export const runAttempts = sqliteTable(
  'run_attempts',
  {
    runId: text('run_id')
      .notNull()
      .references(() => runs.id, { onDelete: 'cascade' }),
    attempt: integer('attempt').notNull(),
    status: text('status', { enum: ['failed', 'stopped'] }).notNull(),
    message: text('message'),
    /** Null where it was stopped before its turn came. */
    startedAt: integer('started_at'),
    endedAt: integer('ended_at'),
    /** The number of its last event: those of the next attempt come after it. */
    lastEvent: integer('last_event').notNull(),
    /** When the next attempt was queued, and by whom, as in `runs.triggered_by`. */
    resumedAt: integer('resumed_at').notNull(),
    resumedBy: text('resumed_by').notNull(),
  },
  (t) => [primaryKey({ columns: [t.runId, t.attempt] })],
)
