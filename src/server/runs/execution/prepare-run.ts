import { eq } from 'drizzle-orm'
import type { Concurrency } from '../../../contract/api/pipelines.ts'
import { Fault } from '../../../contract/fault.ts'
import type { Clock } from '../../../platform/clock.ts'
import { createRedactor } from '../../../redact/redactor.ts'
import { newId } from '../../db/new-id.ts'
import type { Db } from '../../db/open-database.ts'
import { pipelines, tenants } from '../../db/schema.ts'
import { runScripts } from '../../db/run-journal-schema.ts'
import type { Log } from '../../log.ts'
import type { Vault } from '../../vault/vault.ts'
import type { Driver } from '../drivers/driver.ts'
import type { Execution } from './execute-run.ts'
import {
  forgetHandedIn,
  type HandedIn,
  keepHandedIn,
  readHandedIn,
  redactHandedIn,
  requireShort,
} from './run-input.ts'
import type { HttpExchange } from './webhook-exchange.ts'
import type { Journal } from '../journal/journal.ts'
import { capLog } from '../log/log-size-limit.ts'
import { noPast, type Past, readPast } from '../journal/history.ts'
import type { RunRow } from '../journal/run-records.ts'

/** What a run is to be. */
export interface RunRequest extends HandedIn {
  tenantId: string
  pipeline: { id: string; name: string; filename: string; source: string; driver: string }
  /** The caller, as records show it. */
  triggeredBy: string
  /** Made by `newId`; without it, one is made. */
  runId?: string
  /** Where the webhook that begins it waits for an answer. */
  exchange?: HttpExchange
  /** How long it may take from when it begins; without it, as long as it likes. */
  timeoutMs?: number | undefined
}

export interface PrepareOptions {
  db: Db
  vault: Vault
  clock: Clock
  log: Log
  journal: Journal
  drivers: ReadonlyMap<string, Driver>
  /** Output that is kept of one run. */
  maxLogBytes: number
}

/** How runs come to be executed: recorded as new, or found in the record. */
export interface Prepare {
  /** @throws Fault `usage` for an unknown driver, and for too much that is handed in */
  create(request: RunRequest): Promise<Execution>
  /** Goes on with a run that a dead server left. @throws Fault `failed` for one that cannot be gone on with */
  takeUp(row: RunRow): Promise<Execution>
  /** Queues a run that has ended. @throws Fault `conflict` for one that cannot be begun again */
  resume(row: RunRow): Promise<Execution>
}

export function createPrepare(options: PrepareOptions): Prepare {
  const { db, vault, clock, log, journal, drivers } = options

  /** All but what a run has behind it. */
  async function describe(runId: string, request: RunRequest) {
    const { tenantId, pipeline, triggeredBy, args, task } = request
    const driver = driverOf(drivers, pipeline.driver)
    const redactor = createRedactor(pipeline.name)
    const from = { vault, tenantId, pipelineId: pipeline.id, log }
    const shown = await redactHandedIn(request, redactor, from)
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
    return { shown, execution: { ...asked, context, redactor, driver } }
  }

  async function create(request: RunRequest): Promise<Execution> {
    requireShort(request)
    const runId = request.runId ?? newId('run')
    const { tenantId, pipeline, triggeredBy, args, task, request: webhook, timeoutMs } = request
    const { shown, execution } = await describe(runId, request)
    const past = noPast(clock)
    const owner = { vault, tenantId, runId }
    const handedIn = await keepHandedIn({ args, task, request: webhook }, shown.isSecret, owner)
    const row = {
      id: runId,
      tenantId,
      pipelineId: pipeline.id,
      pipelineName: pipeline.name,
      triggeredBy,
      args: shown.args,
      task: shown.task,
      timeoutMs: timeoutMs ?? null,
    }
    const { seed, clock: start } = past
    const script = { driver: pipeline.driver, filename: pipeline.filename, seed, clock: start, handedIn }
    try {
      const record = await journal.create(row, { ...script, source: Bun.zstdCompressSync(pipeline.source) })
      const timeLimit = timeoutMs === undefined ? undefined : { ms: timeoutMs }
      return { ...execution, past, timeLimit, journal: capLog(record, options.maxLogBytes) }
    } catch (error) {
      if (handedIn === null) await forgetHandedIn(owner)
      throw error
    }
  }

  async function scriptOf(runId: string) {
    const [script] = await db.select().from(runScripts).where(eq(runScripts.runId, runId))
    return script
  }

  /** A run as it was when it began. */
  async function recall(
    row: RunRow,
    script: typeof runScripts.$inferSelect,
  ): Promise<Omit<Execution, 'past' | 'journal'>> {
    const { id: runId, tenantId, triggeredBy } = row
    const handedIn = await readHandedIn(script.handedIn, { vault, tenantId, runId })
    const { driver, filename } = script
    const source = new TextDecoder().decode(Bun.zstdDecompressSync(script.source))
    const pipeline = { id: row.pipelineId, name: row.pipelineName, filename, source, driver }
    const { execution } = await describe(runId, { ...handedIn, tenantId, triggeredBy, pipeline })
    if (row.timeoutMs === null) return execution
    return { ...execution, timeLimit: { ms: row.timeoutMs, startedAt: row.startedAt ?? undefined } }
  }

  async function takeUp(row: RunRow): Promise<Execution> {
    const script = await scriptOf(row.id)
    if (!script) throw new Fault('failed', 'its script was not kept')
    const execution = await recall(row, script)
    const past = readPast(db, row.id, row.attempt, script)
    return { ...execution, past, journal: cap(journal.takeUp(row.id), past) }
  }

  async function resume(row: RunRow): Promise<Execution> {
    const { id: runId } = row
    const kept = await scriptOf(runId)
    if (!kept) throw new Fault('conflict', 'the run cannot be resumed: its script was not kept')
    // Its time begins anew.
    const execution = await recall({ ...row, startedAt: null }, kept)
    const record = await journal.resume(runId)
    const past = readPast(db, runId, record.attempt, (await scriptOf(runId)) ?? kept)
    return { ...execution, past, journal: cap(record, past) }
  }

  const cap = (record: Execution['journal'], { logBytes }: Past) =>
    capLog(record, options.maxLogBytes, logBytes)

  /** As it is now, also for a run that was begun when it was another. */
  async function concurrencyOf(pipelineId: string): Promise<Concurrency> {
    const [pipeline] = await db
      .select({ concurrency: pipelines.concurrency })
      .from(pipelines)
      .where(eq(pipelines.id, pipelineId))
    return pipeline?.concurrency ?? { mode: 'queue' }
  }

  async function slugOf(tenantId: string): Promise<string> {
    const [tenant] = await db.select({ slug: tenants.slug }).from(tenants).where(eq(tenants.id, tenantId))
    return tenant?.slug ?? tenantId
  }

  return { create, takeUp, resume }
}

/** @throws Fault `usage` for one that this server does not have */
export function driverOf(drivers: ReadonlyMap<string, Driver>, name: string): Driver {
  const driver = drivers.get(name)
  if (driver) return driver
  throw new Fault('usage', `this server has no driver "${name}"`, {
    hint: `it has ${[...drivers.keys()].join(', ')}`,
  })
}
