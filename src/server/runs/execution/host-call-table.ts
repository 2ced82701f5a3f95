import type { Clock } from '../../../platform/clock.ts'
import type { Env } from '../../../platform/processes/environment.ts'
import type { Redactor } from '../../../redact/redactor.ts'
import type { Db } from '../../db/open-database.ts'
import type { HostCalls } from '../host-calls.ts'
import type { Driver } from '../drivers/driver.ts'
import { createFetchCalls } from '../fetch/script-fetch.ts'
import type { GuardedFetch } from '../fetch/guarded-request.ts'
import type { Network } from '../fetch/allowed-networks.ts'
import { createHttpCalls, type HttpExchange } from './webhook-exchange.ts'
import type { RunJournal } from '../journal/journal.ts'
import type { Limiter } from '../concurrency-limiter.ts'
import { createNotifyCalls } from '../notify/notify.ts'
import type { TaskRow } from '../journal/run-records.ts'
import { createResourceCalls } from '../resources/resources.ts'
import { createSandboxCalls } from '../tasks/sandbox-calls.ts'
import { createStorageCalls } from './script-storage.ts'
import { createTaskCalls } from '../tasks/task-calls.ts'
import { createTimerCalls } from './timer-calls.ts'

/** What the calls of one run are made of. */
export interface HostOptions {
  runId: string
  /** The name of what runs. */
  pipeline: string
  driver: Driver
  journal: RunJournal
  redactor: Redactor
  clock: Clock
  limiter: Limiter
  /** The server's own: where its programs are, and how it reaches the network. */
  env: Env
  /** Private folders of calls, of all runs. */
  scratchDir: string
  /** Added to a call's number, it is the number of the task or sandbox that the call begins. */
  firstNumber: number
  /** Tasks that were begun before, by a server that has died since. */
  begun: ReadonlyMap<number, TaskRow>
  /** The last of what the log has of such a task. */
  readTail(task: { number: number; stream: 'stdout' | 'stderr' }): string
  /** Ends all that goes on. */
  signal: AbortSignal
  /** Fires then, and when the run is left to the next server: what that one does again is of no more use. */
  quiet: AbortSignal
  /** Takes a line for the run's log, redacted. */
  warn(line: string): Promise<void>
  /** Work that goes on beside the script; the run's end waits for it. It never rejects. */
  background(work: (signal: AbortSignal) => Promise<void>): void
  /** Turns `secret:` references into values, which the redactor then knows. */
  resolve(value: unknown): Promise<unknown>
  /** The keys of secrets that were set anew since. */
  changedSince(at: number): Promise<string[]>
  /** Ends the run: what was asked for cannot be had, or its output cannot be kept. */
  fail(error: unknown): void
  /** Of the webhook that began the run; and where it waits for an answer, if it still does. */
  request: unknown
  exchange: HttpExchange | undefined
  db: Db
  pipelineId: string
  network: Network
  guardedFetch: GuardedFetch
}

/** All that a script can ask for, by the name of the method. */
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
