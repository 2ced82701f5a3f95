/** What can be asked about runs: records, events and logs, whether the run is in progress or has ended. */
import type { NeededSecret } from '../../contract/api/pipelines.ts'
import type { NumberedEvent } from '../../contract/run-events.ts'
import { Fault } from '../../contract/fault.ts'
import type { Db } from '../db/open-database.ts'
import type { Vault } from '../vault/vault-interface.ts'
import type { RunInput } from './execution/redact-and-store-run-input.ts'
import { inputToRepeat } from './execution/repeat-run-input.ts'
import { sourceChanged } from './execution/source-since-start.ts'
import type { Journal } from './journal/journal.ts'
import { listRuns, type RunQuery } from './journal/list-runs.ts'
import {
  findRecord,
  findRun,
  lastEvent,
  readEvents,
  type RunEntry,
  type RunRow,
  type RunRecord,
} from './journal/read-run-records.ts'
import { followEvents } from './log/follow-events.ts'
import { readLogText } from './log/read-log-as-text.ts'
import { type LogPage, readLogPage } from './log/read-log-backwards.ts'
import { neededSecrets } from './secrets/check-needed-secrets.ts'

export interface RunQueries {
  get(tenantId: string, id: string): Promise<RunRecord | undefined>
  /** Whether its pipeline has another source by now; undefined where there is nothing to compare. */
  /** What another run of the same is given. @throws Fault `conflict`, as `inputToRepeat` */
  inputOf(run: RunRow): Promise<RunInput>
  sourceChanged(run: Parameters<typeof sourceChanged>[1]): Promise<boolean | undefined>
  /** Newest first. */
  list(tenantId: string, query: RunQuery): Promise<{ items: RunEntry[]; next: string | null }>
  /**
   * Events numbered over `after`: stored ones, then live ones; ends after `exit` or when `signal` fires.
   * @throws Fault `not_found`, when it is first read from
   */
  events(tenantId: string, id: string, after: number, signal: AbortSignal): AsyncIterable<NumberedEvent>
  /** The number of a run's last event so far. */
  lastEvent(id: string): Promise<number>
  /** What a run has printed so far, as `readLogText` gives it. Empty where there is no such run. */
  log(id: string): ReturnType<typeof readLogText>
  /** The end of the output before event `before`, or of all output, and the event before which there is more. */
  logPage(id: string, before: number | undefined): Promise<LogPage>
  /** The secrets that a pipeline will ask for, as far as its source tells. */
  needs(pipeline: { id: string; tenantId: string; source: string }): Promise<NeededSecret[]>
}

export function createRunQueries({
  db,
  vault,
  journal,
}: {
  db: Db
  vault: Vault
  journal: Journal
}): RunQueries {
  async function* events(tenantId: string, id: string, after: number, signal: AbortSignal) {
    if (!(await findRun(db, tenantId, id))) throw new Fault('not_found', `there is no run ${id}`)
    const source = {
      read: (from: number, limit: number) => readEvents(db, id, from, limit),
      next: () => journal.next(id),
    }
    yield* followEvents(source, after, signal)
  }

  return {
    get: (tenantId, id) => findRecord(db, tenantId, id),
    inputOf: (run) => inputToRepeat(db, run),
    sourceChanged: (run) => sourceChanged(db, run),
    list: (tenantId, query) => listRuns(db, tenantId, query),
    events,
    lastEvent: (id) => lastEvent(db, id),
    log: (id) => readLogText(db, id),
    logPage: (id, before) => readLogPage(db, id, before),
    needs: ({ id: pipelineId, tenantId, source }) => neededSecrets(source, { vault, tenantId, pipelineId }),
  }
}
