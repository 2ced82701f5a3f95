/** All host calls of a script, by the name of the method. */
import type { Clock } from '../../../platform/clock.ts'
import type { Env } from '../../../platform/processes/own-and-child-environment.ts'
import type { Redactor } from '../../../redact/redactor.ts'
import type { Db } from '../../db/open-database.ts'
import type { HostCalls } from '../host-call-type.ts'
import type { Driver } from '../drivers/driver-interface.ts'
import { createFetchCalls } from '../script-fetch/script-fetch.ts'
import type { GuardedFetch } from '../../../guarded-fetch/request-checked-address.ts'
import type { Network } from '../../../guarded-fetch/allowed-networks.ts'
import { createHttpCalls, type HttpExchange } from './webhook-exchange-calls.ts'
import type { RunJournal } from '../journal/run-journal-type.ts'
import type { Limiter } from '../concurrency-limiter.ts'
import { createNotifyCalls } from '../script-notify/script-notify.ts'
import type { TaskRow } from '../journal/read-run-records.ts'
import { createResourceCalls } from '../native-resources/native-resources.ts'
import { createSandboxCalls } from '../tasks/sandbox-and-volume-calls.ts'
import { createStorageCalls } from './storage-calls.ts'
import { createTaskCalls } from '../tasks/task-calls.ts'
import { createTimerCalls } from './timer-calls.ts'

/** What the calls of one run need. */
interface HostOptions {
  runId: string
  /** The name of the pipeline. */
  pipeline: string
  driver: Driver
  journal: RunJournal
  redactor: Redactor
  clock: Clock
  limiter: Limiter
  /** The server's own environment: where its programs are, and how it reaches the network. */
  env: Env
  /** The parent of the private folders of calls, of all runs. */
  scratchDir: string
  /** Added to the number of a call, it is the number of the task or sandbox that the call starts. */
  firstNumber: number
  /** Tasks that an earlier server has started in this attempt, by number. */
  startedBefore: ReadonlyMap<number, TaskRow>
  /** The end of what the log has of such a task. */
  readTail(task: { number: number; stream: 'stdout' | 'stderr' }): string
  /** Fires when the run ends: stops what is in progress. */
  signal: AbortSignal
  /** Fires then, and when the run is left to the next server, which makes the call again. */
  quiet: AbortSignal
  /** Takes a line for the run's log, redacted. */
  warn(line: string): Promise<void>
  /** Starts work in the background; the end of the run waits for it. `work` never rejects. */
  background(work: (signal: AbortSignal) => Promise<void>): void
  /** Turns `secret:` references into values, which the redactor then knows. */
  resolve(value: unknown): Promise<unknown>
  /** The keys of the secrets that were changed at or after this instant. */
  changedSince(at: number): Promise<string[]>
  /** Ends the run: a task cannot be run as asked, or its output cannot be stored. */
  fail(error: unknown): void
  /** The request of the webhook that started the run. */
  request: unknown
  /** Where that webhook waits for its response, if it still does. */
  exchange: HttpExchange | undefined
  db: Db
  pipelineId: string
  network: Network
  guardedFetch: GuardedFetch
}

export function createHostCalls(options: HostOptions): HostCalls {
  return {
    ...createTaskCalls(options),
    ...createSandboxCalls(options),
    ...createTimerCalls(options.clock),
    ...createResourceCalls(options),
    ...createNotifyCalls(options),
    ...createHttpCalls(options),
    ...createStorageCalls(options),
    ...createFetchCalls(options),
  }
}
