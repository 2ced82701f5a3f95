/**
 * Creating and replacing a pipeline. Its source, its rule, its schedules and the entry in the audit log are one
 * transaction: all of it, or none. Secrets come first, since they can be in another store: a pipeline never stands
 * there without what was sent with it.
 */
import { and, eq } from 'drizzle-orm'
import type { Concurrency, Schedule } from '../../contract/api/pipelines.ts'
import { Fault } from '../../contract/fault.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Secret } from '../../redact/secret.ts'
import type { Audit, NewEntry } from '../audit/audit.ts'
import { newId } from '../db/new-id.ts'
import type { Db, Transaction } from '../db/open-database.ts'
import { pipelines as table, type pipelineSchedules } from '../db/schema.ts'
import { isAdministrator, type Principal } from '../access-rules/principal.ts'
import type { Rbac } from '../access-rules/access-rules.ts'
import type { Vault } from '../vault/vault-interface.ts'
import { findLastSet, type LastSet } from './find-last-set.ts'
import { setRule } from './pipeline-visibility.ts'

export type Pipeline = typeof table.$inferSelect

/** What a pipeline is to be. */
export interface PutPipeline {
  name: string
  /** What errors in the script call it: `deploy.ts`. */
  filename: string
  source: string
  /** Undefined: as before, at first the server's default. */
  driver?: string | undefined
  /** Merged into those that the pipeline has already. */
  secrets: ReadonlyMap<string, Secret>
  unsetSecrets?: readonly string[] | undefined
  /** Who may see it. Empty: everybody of the tenant. Undefined: as before. */
  rbac?: string | undefined
  /** Undefined: as before. */
  concurrency?: Concurrency | undefined
  /** All of them. Undefined: as before. */
  schedules?: readonly Schedule[] | undefined
}

/** Who puts it, and until when they wait for that. */
export interface PutBy {
  caller: Principal
  /** The half of the audit entry that says who, from where, by which credential. */
  entry: Omit<NewEntry, 'action'>
  signal: AbortSignal
}

export interface PutResult {
  pipeline: Pipeline
  created: boolean
  /** What stood there before; undefined where nothing did. */
  replaced: LastSet | undefined
}

/** What runs have to say of a pipeline. `runs/runs.ts` is the one in use. */
export interface ScriptChecks {
  /** @throws Fault `usage` with the place where the source is not valid */
  check(tenantId: string, source: string, filename: string): Promise<void>
  /** @throws Fault `usage` for a driver that this server does not have, or that cannot be used now */
  checkDriver(name: string, signal: AbortSignal): Promise<void>
}

/** When pipelines run by themselves. `triggers/schedules.ts` is the one in use. */
interface PipelineSchedules {
  /** @throws Fault `usage` */
  check(schedules: readonly Schedule[]): void
  /** Replaces those of a pipeline, within the transaction that replaces the pipeline. */
  set(pipelineId: string, schedules: readonly Schedule[], within: Transaction): void
  of(pipelineId: string): Promise<(typeof pipelineSchedules.$inferSelect)[]>
}

export interface PutDeps {
  db: Db
  clock: Clock
  vault: Vault
  rbac: Rbac
  audit: Audit
  runs: ScriptChecks
  schedules: PipelineSchedules
  defaultDriver: string
  find(tenantId: string, name: string): Promise<Pipeline | undefined>
  /** Undefined as well for one that the caller does not see. */
  get(caller: Principal, name: string): Promise<Pipeline | undefined>
}

/** @throws Fault as `Pipelines.put` */
export async function putPipeline(deps: PutDeps, by: PutBy, request: PutPipeline): Promise<PutResult> {
  const { vault } = deps
  const { caller } = by
  const tenantId = caller.tenant.id
  // 1. What was sent is valid.
  const driver = await checkRequest(deps, by, request)
  // 2. The caller may put it.
  const before = await deps.find(tenantId, request.name)
  await requireVisible(deps, before, request.name, caller)
  const id = before?.id ?? newId('pip')
  const replaced = before && (await findLastSet(deps.db, before))
  await checkRemovals(vault, { tenantId, id }, request)
  // 3. The secrets.
  await storeSecrets(vault, { tenantId, id }, request)
  // 4. All else, at once.
  let pipeline: Pipeline
  try {
    pipeline = write(deps, { tenantId, id, wasThere: before !== undefined, ...request, driver }, by.entry)
  } catch (error) {
    if ((await deps.find(tenantId, request.name))?.id !== id)
      await vault.removeScope(tenantId, `pipeline/${id}`)
    throw error
  }
  // Another request created a pipeline of this name in between: that one was updated, so its secrets follow.
  if (pipeline.id !== id) {
    await storeSecrets(vault, pipeline, request)
    await vault.removeScope(tenantId, `pipeline/${id}`)
  }
  return { pipeline, created: before === undefined, replaced }
}

/** @returns the driver to use. @throws Fault `usage` for the first thing that is not valid */
async function checkRequest(deps: PutDeps, by: PutBy, request: PutPipeline): Promise<string> {
  const { name, rbac, schedules, source, filename } = request
  if (rbac !== undefined && rbac !== '') deps.rbac.check(rbac)
  deps.schedules.check(schedules ?? [])
  await deps.runs.check(by.caller.tenant.id, source, filename)
  // As before: what was set for containers does not become a process of the server's user by being set again.
  const before = await deps.get(by.caller, name)
  const driver = request.driver ?? before?.driver ?? deps.defaultDriver
  await deps.runs.checkDriver(driver, by.signal)
  return driver
}

/** @throws Fault `not_found` where the caller may not put a pipeline of this name */
async function requireVisible(
  deps: PutDeps,
  before: Pipeline | undefined,
  name: string,
  caller: Principal,
): Promise<void> {
  const isVisible =
    before === undefined
      ? // As if it were hidden: which names are taken is not for a token of some pipelines to find out.
        caller.pipelines === null
      : isAdministrator(caller) || (await deps.get(caller, name)) !== undefined
  if (!isVisible) throw new Fault('not_found', 'pipeline not found')
}

type Row = PutPipeline & { tenantId: string; id: string; driver: string; wasThere: boolean }

/**
 * @throws Fault `conflict` for one that was removed meanwhile (its rule was removed too, so it is not created again), and
 * for one rule too many
 */
function write({ db, clock, audit, schedules }: PutDeps, row: Row, entry: PutBy['entry']): Pipeline {
  const { tenantId, id, name, filename, source, driver, concurrency, rbac } = row
  const now = clock.now()
  // Drizzle leaves a column that is undefined as it is.
  const set = { filename, source, driver, concurrency, setBy: entry.actor, updatedAt: now }
  return db.transaction(
    (tx) => {
      const isIt = and(eq(table.tenantId, tenantId), eq(table.id, id))
      if (row.wasThere && !tx.select({ id: table.id }).from(table).where(isIt).get()) {
        throw new Fault('conflict', `the pipeline ${name} was removed meanwhile`, {
          hint: 'send it again, with its secrets and its rule',
        })
      }
      const pipeline = tx
        .insert(table)
        .values({ ...set, id, tenantId, name, paused: false, createdAt: now })
        .onConflictDoUpdate({ target: [table.tenantId, table.name], set })
        .returning()
        .get()
      const of = { tenantId, pipelineId: pipeline.id }
      if (rbac !== undefined) setRule(tx, of, { expression: rbac, updatedAt: now })
      if (row.schedules !== undefined) schedules.set(pipeline.id, row.schedules, tx)
      audit.record({ ...entry, action: 'pipeline.set', target: name, details: detailsOf(row) }, tx)
      return pipeline
    },
    { behavior: 'immediate' },
  )
}

/** What the audit log says of it: what was sent, secrets by name. */
function detailsOf({ wasThere, schedules, concurrency, rbac, secrets, unsetSecrets }: Row) {
  return {
    created: !wasThere,
    ...(schedules === undefined ? {} : { schedules: schedules.length }),
    ...(concurrency === undefined ? {} : { concurrency: concurrency.mode }),
    ...(rbac === undefined ? {} : { rule: rbac }),
    ...(secrets.size === 0 ? {} : { secrets: [...secrets.keys()].join(' ') }),
    ...(unsetSecrets === undefined ? {} : { unset: unsetSecrets.join(' ') }),
  }
}

/** Whose secrets. */
interface Place {
  tenantId: string
  id: string
}

/** @throws Fault `usage` for a secret that is also set, `not_found` for one that is not there */
async function checkRemovals(vault: Vault, { tenantId, id }: Place, request: PutPipeline): Promise<void> {
  const { name, secrets, unsetSecrets = [] } = request
  if (unsetSecrets.length === 0) return
  const both = unsetSecrets.find((key) => secrets.has(key))
  if (both !== undefined) throw new Fault('usage', `${both} is to be set and to be removed`)
  const there = new Set((await vault.list(tenantId, `pipeline/${id}`)).map(({ key }) => key))
  const unknown = unsetSecrets.find((key) => !there.has(key))
  if (unknown === undefined) return
  throw new Fault('not_found', `the pipeline ${name} has no secret ${unknown} to be removed`, {
    hint: `remove only secrets that the pipeline has; "fob secrets list -p ${name}" lists them`,
  })
}

async function storeSecrets(vault: Vault, { tenantId, id }: Place, request: PutPipeline): Promise<void> {
  const scope = `pipeline/${id}` as const
  for (const [key, value] of request.secrets) await vault.set({ tenantId, scope, key }, value)
  for (const key of request.unsetSecrets ?? []) await vault.remove({ tenantId, scope, key })
}
