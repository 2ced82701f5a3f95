/** Prepares runs for their execution: new ones, interrupted ones, and ended ones that are resumed. */
import { eq } from 'drizzle-orm'
import type { Concurrency } from '../../../contract/api/pipelines.ts'
import type { RunOrigin } from '../../../contract/run-origin.ts'
import { Fault } from '../../../contract/fault.ts'
import type { Clock } from '../../../platform/clock.ts'
import { createRedactor } from '../../../redact/redactor.ts'
import { newId } from '../../db/new-id.ts'
import type { Db } from '../../db/open-database.ts'
import { pipelines, type RunStarter, tenants } from '../../db/schema.ts'
import { runScripts } from '../../db/run-journal-schema.ts'
import type { Log } from '../../log.ts'
import type { Vault } from '../../vault/vault-interface.ts'
import type { Driver } from '../drivers/driver-interface.ts'
import type { Execution } from './execute-run.ts'
import {
  readRunInput,
  redactRunInput,
  removeRunInput,
  requireShort,
  type RunInput,
  storeRunInput,
} from './redact-and-store-run-input.ts'
import { sourceChanged, sourceDigest } from './source-since-start.ts'
import type { HttpExchange } from './webhook-exchange-calls.ts'
import type { Journal } from '../journal/journal.ts'
import { capLog } from '../log/log-size-limit.ts'
import { newHistory, readHistory, type RunHistory } from '../journal/run-history.ts'
import type { RunRow } from '../journal/read-run-records.ts'

/** What is needed to start a run. */
export interface RunRequest extends RunInput {
  tenantId: string
  pipeline: { id: string; name: string; filename: string; source: string; driver: string }
  /** The caller, as records show them. */
  triggeredBy: string
  /** That caller; none for a webhook or a schedule. */
  starter?: RunStarter
  /** The name of the token or service key that they presented, where it has one. */
  tokenName?: string | undefined
  /** From where it was started. */
  origin?: RunOrigin
  /** The run whose input is used again. */
  repeats?: string
  /** Created by `newId`; without it, one is created. */
  runId?: string
  /** Where the webhook that starts the run waits for its response. */
  exchange?: HttpExchange
  /** How long the run may take from its start; without it, there is no limit. */
  timeoutMs?: number | undefined
}

interface PrepareOptions {
  db: Db
  vault: Vault
  clock: Clock
  log: Log
  journal: Journal
  drivers: ReadonlyMap<string, Driver>
  /** How much output of one run is stored. */
  maxLogBytes: number
}

export interface RunPreparation {
  /** Records a new run. @throws Fault `usage` for an unknown driver, and for too much input */
  create(request: RunRequest): Promise<Execution>
  /** Continues an interrupted run. @throws Fault `failed` for a run that cannot be continued */
  reopen(row: RunRow): Promise<Execution>
  /** Queues a run that has ended for its next attempt. @throws Fault `conflict` for a run that cannot be resumed */
  resume(row: RunRow, by: string): Promise<Execution>
}

export function createRunPreparation(options: PrepareOptions): RunPreparation {
  const { db, vault, clock, log, journal, drivers } = options

  /** An execution, but for the history and the journal of the run. */
  async function describe(runId: string, request: RunRequest) {
    const { tenantId, pipeline, triggeredBy, args, task } = request
    const driver = driverOf(drivers, pipeline.driver)
    const redactor = createRedactor(pipeline.name)
    const from = { vault, tenantId, pipelineId: pipeline.id, log }
    const shown = await redactRunInput(request, redactor, from)
    const context = {
      runID: runId,
      pipelineID: pipeline.id,
      pipeline: pipeline.name,
      driver: driver.name,
      triggeredBy,
      args,
      task: task ?? null,
      tenant: await slugOf(tenantId),
    }
    const { request: webhook, exchange } = request
    const concurrency = await concurrencyOf(pipeline.id)
    const asked = { tenantId, pipeline, concurrency, request: webhook, exchange }
    const execution = { ...asked, context, redactor, driver, wasStarted: false, sourceChanged: false }
    return { shown, execution }
  }

  async function create(request: RunRequest): Promise<Execution> {
    requireShort(request)
    const runId = request.runId ?? newId('run')
    const { tenantId, pipeline, starter, args, task, request: webhook, timeoutMs } = request
    const { shown, execution } = await describe(runId, request)
    const history = newHistory(clock)
    const owner = { vault, tenantId, runId }
    const handedIn = await storeRunInput({ args, task, request: webhook }, shown.isSecret, owner)
    const row = {
      id: runId,
      tenantId,
      pipelineId: pipeline.id,
      pipelineName: pipeline.name,
      triggeredBy: request.triggeredBy,
      starter: starter ?? null,
      tokenName: request.tokenName ?? null,
      origin: request.origin ?? null,
      repeats: request.repeats ?? null,
      sourceSha256: sourceDigest(pipeline.source),
      args: shown.args,
      task: shown.task,
      inputRedacted: shown.args.some((arg, i) => arg !== args[i]) || shown.task !== (task ?? null),
      timeoutMs: timeoutMs ?? null,
    }
    const { seed, clock: start } = history
    const script = { driver: pipeline.driver, filename: pipeline.filename, seed, clock: start, handedIn }
    try {
      const record = await journal.create(row, { ...script, source: Bun.zstdCompressSync(pipeline.source) })
      const timeLimit = timeoutMs === undefined ? undefined : { ms: timeoutMs }
      return { ...execution, history, timeLimit, journal: capLog(record, options.maxLogBytes) }
    } catch (error) {
      if (handedIn === null) await removeRunInput(owner)
      throw error
    }
  }

  async function scriptOf(runId: string) {
    const [script] = await db.select().from(runScripts).where(eq(runScripts.runId, runId))
    return script
  }

  /** A run as it was when it was created. */
  async function recall(
    row: RunRow,
    script: typeof runScripts.$inferSelect,
  ): Promise<Omit<Execution, 'history' | 'journal'>> {
    const { id: runId, tenantId, triggeredBy } = row
    const input = await readRunInput(script.handedIn, { vault, tenantId, runId })
    const { driver, filename } = script
    const source = new TextDecoder().decode(Bun.zstdDecompressSync(script.source))
    const pipeline = { id: row.pipelineId, name: row.pipelineName, filename, source, driver }
    const { execution } = await describe(runId, { ...input, tenantId, triggeredBy, pipeline })
    if (row.timeoutMs === null) return execution
    return { ...execution, timeLimit: { ms: row.timeoutMs, startedAt: row.startedAt ?? undefined } }
  }

  async function reopen(row: RunRow): Promise<Execution> {
    const script = await scriptOf(row.id)
    if (!script) throw new Fault('failed', 'its script is not stored any more')
    const execution = await recall(row, script)
    const history = readHistory(db, row.id, row.attempt, script)
    const wasStarted = row.status === 'running'
    const changed = row.attempt > 1 && (await sourceChanged(db, row)) === true
    const record = cap(journal.reopen(row.id), history)
    return { ...execution, history, wasStarted, sourceChanged: changed, journal: record }
  }

  async function resume(row: RunRow, by: string): Promise<Execution> {
    const { id: runId } = row
    const script = await scriptOf(runId)
    if (!script) throw new Fault('conflict', 'the run cannot be resumed: its script is not stored any more')
    // Its time limit starts anew.
    const execution = await recall({ ...row, startedAt: null }, script)
    const changed = (await sourceChanged(db, row)) === true
    const record = await journal.resume(runId, by)
    // Resuming has changed the row of the script.
    const history = readHistory(db, runId, record.attempt, (await scriptOf(runId)) ?? script)
    return { ...execution, history, sourceChanged: changed, journal: cap(record, history) }
  }

  function cap(record: Execution['journal'], { logBytes }: RunHistory): Execution['journal'] {
    return capLog(record, options.maxLogBytes, logBytes)
  }

  /** The setting as it is now, also for a run that was created under another one. */
  async function concurrencyOf(pipelineId: string): Promise<Concurrency> {
    const [pipeline] = await db
      .select({ concurrency: pipelines.concurrency })
      .from(pipelines)
      .where(eq(pipelines.id, pipelineId))
    return pipeline?.concurrency ?? { mode: 'parallel' }
  }

  async function slugOf(tenantId: string): Promise<string> {
    const [tenant] = await db.select({ slug: tenants.slug }).from(tenants).where(eq(tenants.id, tenantId))
    return tenant?.slug ?? tenantId
  }

  return { create, reopen, resume }
}

/** @throws Fault `usage` for a driver that this server does not have */
export function driverOf(drivers: ReadonlyMap<string, Driver>, name: string): Driver {
  const driver = drivers.get(name)
  if (driver) return driver
  throw new Fault('usage', `this server has no driver "${name}"`, {
    hint: `it has ${[...drivers.keys()].join(', ')}`,
  })
}
