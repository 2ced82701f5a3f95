/**
 * Owns: runs of pipelines without a server: the same sandbox, journal and native driver as in one, on a folder that goes
 * with the process. Refuses: to listen on anything, and to store a secret where it outlives the process.
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { MIN_SECRET_BYTES } from '../../contract/api/secrets.ts'
import { Fault } from '../../contract/fault.ts'
import type { NumberedEvent } from '../../contract/run-events.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Env } from '../../platform/processes/own-and-child-environment.ts'
import { Secret } from '../../redact/secret.ts'
import { newId } from '../db/new-id.ts'
import { type Db, openDatabase } from '../db/open-database.ts'
import { pipelines, tenants } from '../db/schema.ts'
import type { Log } from '../log.ts'
import { openRuns } from '../runs/runs.ts'
import { referencedSecrets } from '../runs/secrets/find-secret-references.ts'
import { openNetwork } from '../../guarded-fetch/allowed-networks.ts'
import { chooseBackend } from '../vault/backend-registry.ts'
import { openVault } from '../vault/open-vault.ts'
import { openSecretUses } from '../vault/last-secret-uses.ts'
import { sizeProblem } from '../vault/secret-size-limits.ts'
import type { Vault } from '../vault/vault-interface.ts'

interface LocalRunsOptions {
  /** Empty and private; the caller removes it. */
  folder: string
  clock: Clock
  log: Log
  env: Env
  sandboxCommand: readonly string[]
  /** What scripts may reach beside the internet. */
  allowed: readonly string[]
}

export interface LocalRun {
  name: string
  filename: string
  source: string
  secrets: ReadonlyMap<string, Secret>
  args: readonly string[]
  task: string | undefined
  timeoutMs: number | undefined
}

export interface LocalRuns {
  /** @throws Fault `usage`: `deploy.ts:3:14: unexpected ;`, as a server does that is sent this source */
  check(source: string, filename: string): Promise<void>
  /** The keys of the secrets that a source names, as far as it tells. */
  secretsIn(source: string): string[]
  /**
   * Runs a pipeline once. @param signal stops the run
   * @returns its events, to the last
   */
  run(pipeline: LocalRun, signal: AbortSignal): AsyncIterable<NumberedEvent>
  close(): Promise<void>
}

const NEVER = new AbortController().signal

export async function openLocalRuns(options: LocalRunsOptions): Promise<LocalRuns> {
  const { folder, clock, log } = options
  const database = openDatabase(join(folder, 'fob.db'))
  const { db } = database
  const tenantId = newId('ten')
  await db.insert(tenants).values({ id: tenantId, slug: 'local', name: 'local', createdAt: clock.now() })
  const vault = await openMemoryVault(db, { ...options, tenantId })
  const runs = await openRuns({
    db,
    dataDir: folder,
    vault,
    clock,
    log,
    sandboxCommand: options.sandboxCommand,
    holdsSpareSandbox: false,
    env: options.env,
    network: openNetwork(options.allowed),
    secretSource: 'the file of --secret-file',
  })

  async function* run(asked: LocalRun, signal: AbortSignal): AsyncIterable<NumberedEvent> {
    const { name, filename, source, args, task, timeoutMs } = asked
    const pipeline = { id: newId('pip'), name, filename, source, driver: 'native' }
    const at = clock.now()
    await db.insert(pipelines).values({ ...pipeline, tenantId, paused: false, createdAt: at, updatedAt: at })
    await storeSecrets(vault, { tenantId, pipelineId: pipeline.id }, asked.secrets)
    const request = { tenantId, pipeline, args, task, timeoutMs, triggeredBy: 'exec' }
    const { runId } = await runs.start({ ...request, args: [...args] })
    const stop = () => void runs.stop(tenantId, runId, 'interrupted')
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    try {
      yield* runs.events(tenantId, runId, 0, NEVER)
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  async function close(): Promise<void> {
    await runs.close()
    await vault.close()
    database.close()
  }

  const check = (source: string, filename: string) => runs.check(tenantId, source, filename)
  return { check, secretsIn: referencedSecrets, run, close }
}

/** Sealed under a key that nobody else has, in memory. */
async function openMemoryVault(
  db: Db,
  { clock, log, tenantId }: Pick<LocalRunsOptions, 'clock' | 'log'> & { tenantId: string },
): Promise<Vault> {
  const store = chooseBackend({ 'secrets-sqlite-path': ':memory:' }, {})
  const unlock = { kind: 'key file', key: new Secret(randomBytes(32)) } as const
  const backend = await store.open({ db, defaultTenantId: tenantId, unlock, clock, log })
  const { passphraseFlag } = store
  return openVault({ backend, unlock, passphraseFlag, uses: openSecretUses({ db, clock }), clock })
}

/** @throws Fault `usage` naming a key whose value is too short to be redacted */
async function storeSecrets(
  vault: Vault,
  { tenantId, pipelineId }: { tenantId: string; pipelineId: string },
  secrets: ReadonlyMap<string, Secret>,
): Promise<void> {
  const problems = {
    empty: 'is empty',
    short: `has fewer than ${MIN_SECRET_BYTES} bytes`,
    long: 'is too long',
  }
  for (const [key, value] of secrets) {
    const problem = sizeProblem(value)
    if (problem !== undefined) throw new Fault('usage', `the value of ${key} ${problems[problem]}`)
    await vault.set({ tenantId, scope: `pipeline/${pipelineId}`, key }, value)
  }
}
