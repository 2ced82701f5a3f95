/** The run engine for tests: a real database, sandbox processes and native tasks in a temporary folder. */
import { join } from 'node:path'
import type { NumberedEvent } from '../../../src/contract/run-events.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { Secret } from '../../../src/redact/secret.ts'
import { type Db, openDatabase } from '../../../src/server/db/open-database.ts'
import { pipelines, tenants } from '../../../src/server/db/schema.ts'
import { jsonLog } from '../../../src/server/log.ts'
import { openRuns, type Runs, type RunsOptions, type StartRun } from '../../../src/server/runs/runs.ts'
import type { RunRecord } from '../../../src/server/runs/journal/read-run-records.ts'
import type { SecretScope, Vault } from '../../../src/server/vault/vault-interface.ts'
import { SANDBOX } from '../../support/sandbox-command.ts'
import { memoryVault } from '../../support/servers/memory-vault.ts'
import { temporaryFolder } from '../../support/temporary.ts'

export const TENANT = 'ten_1'
export const NEVER = new AbortController().signal

export interface Harness extends AsyncDisposable {
  runs: Runs
  vault: Vault
  dataDir: string
  database: ReturnType<typeof openDatabase>
  /** Every log line so far. */
  log(): string
  secret(key: string, value: string, scope?: SecretScope): Promise<void>
  /** Starts a run of `source`. */
  start(source: string, more?: StartOptions): Promise<string>
  /** Runs `source` to its end. */
  run(source: string, more?: StartOptions): Promise<Ended>
  /** Waits for a run's end. */
  ended(runId: string): Promise<Ended>
}

/** @property storesSource whether the pipeline has it too: tests look for values of secrets in the whole database */
export type StartOptions = Partial<StartRun> & { pipelineId?: string; storesSource?: boolean }

interface Ended {
  runId: string
  record: RunRecord
  events: NumberedEvent[]
  /** All log pieces of a stream joined, of one task or of the script itself. */
  text: (stream?: 'stdout' | 'stderr', task?: string) => string
}

/** A run is of a pipeline that is there. */
export async function addPipeline(db: Db, id: string, source = ''): Promise<void> {
  const row = { id, tenantId: TENANT, name: id, filename: 'deploy.ts', source, driver: 'native' }
  await db
    .insert(pipelines)
    .values({ ...row, paused: false, createdAt: 0, updatedAt: 0 })
    .onConflictDoUpdate({ target: pipelines.id, set: { source } })
}

/** The run engine with a real database, real sandbox children and real processes, in a temporary folder. */
export async function openHarness(options: Partial<RunsOptions> = {}): Promise<Harness> {
  const dataDir = options.dataDir ?? temporaryFolder()
  const database = openDatabase(join(dataDir, 'fob.db'))
  const { db } = database
  await db
    .insert(tenants)
    .values({ id: TENANT, slug: 'acme', name: 'Acme', createdAt: 0 })
    .onConflictDoNothing()
  const vault = options.vault ?? memoryVault()
  let log = ''
  const engine = await openRuns({
    db,
    dataDir,
    vault,
    clock: systemClock,
    log: jsonLog((line) => void (log += `${line}\n`), Date.now),
    sandboxCommand: SANDBOX,
    // Most harnesses run one script: a second process for each would be for nothing.
    holdsSpareSandbox: false,
    graceMs: 300,
    ...options,
  })

  async function start(source: string, more: StartOptions = {}): Promise<string> {
    const { pipelineId = 'pip_1', storesSource = false, ...rest } = more
    const pipeline = { id: pipelineId, name: 'deploy', filename: 'deploy.ts', source, driver: 'native' }
    const request = { tenantId: TENANT, pipeline, args: [], task: undefined, triggeredBy: 'test', ...rest }
    await addPipeline(db, request.pipeline.id, storesSource ? source : '')
    return (await engine.start(request)).runId
  }

  async function ended(runId: string): Promise<Ended> {
    const events: NumberedEvent[] = []
    for await (const event of engine.events(TENANT, runId, 0, AbortSignal.timeout(50_000))) events.push(event)
    const record = await engine.get(TENANT, runId)
    if (!record) throw new Error(`no record of ${runId}`)
    const text = (stream?: string, task?: string) =>
      events
        .flatMap((event) => (event.type === 'log' ? [event.data] : []))
        .filter((entry) => (stream === undefined || entry.stream === stream) && entry.task === task)
        .map((entry) => entry.data)
        .join('')
    return { runId, record, events, text }
  }

  return {
    runs: engine,
    vault,
    dataDir,
    database,
    log: () => log,
    secret: (key, value, scope = 'global') => vault.set({ tenantId: TENANT, scope, key }, new Secret(value)),
    start,
    run: async (source, more) => ended(await start(source, more)),
    ended,
    [Symbol.asyncDispose]: async () => {
      // No run is left to a server that does not come.
      for (const { id } of (await engine.list(TENANT, { limit: 1000 })).items) {
        if (await engine.stop(TENANT, id, 'the test is over')) await ended(id)
      }
      await engine.close()
      database.close()
    },
  }
}

/** A pipeline whose body is `body`. */
export function pipeline(body: string): string {
  return `const pipeline = async () => {\n${body}\n}\nexport { pipeline }\n`
}

/** `runtime.run` of a shell command. */
export function sh(script: string, more: Record<string, unknown> = {}): string {
  const task = { name: 'task', command: { path: 'sh', args: ['-c', script] }, ...more }
  return `await runtime.run(${JSON.stringify(task)})`
}

/** What a promise rejects with; undefined when it does not. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}
