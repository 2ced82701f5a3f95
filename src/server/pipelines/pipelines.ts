/**
 * Owns: the pipelines of a tenant: their source, the rule that says who sees them, and the life of their
 * secrets with them.
 * Refuses: to show a pipeline to a caller of another tenant, to one whom its rule shuts out, or to a
 * credential that does not reach it: every function takes the caller, so none can be asked without one.
 */
import { and, asc, eq, getTableColumns, gt } from 'drizzle-orm'
import { removeOrphanedRule } from '../db/remove-deleted-pipeline-rule.ts'
import { pipelines as table } from '../db/schema.ts'
import { isAdministrator, type Principal, reaches } from '../access-rules/principal.ts'
import type { RunQuery } from '../runs/journal/list-runs.ts'
import type { RunEntry, RunRecord } from '../runs/journal/read-run-records.ts'
import { hiddenFrom, isHiddenFrom, openTenantRules, outside, ruleOf } from './pipeline-visibility.ts'
import {
  type Pipeline,
  type PutBy,
  type PutDeps,
  type PutPipeline,
  putPipeline,
  type PutResult,
  type ScriptChecks,
} from './put-pipeline.ts'

/** As lists have it: a page of 200 sources could be 200 MiB. */
export type PipelineEntry = Omit<Pipeline, 'source'>

const { source: _source, ...ENTRY_COLUMNS } = getTableColumns(table)

/** What belongs to a tenant and a pipeline: a run, a secret, a pipeline itself. */
interface Owned {
  tenantId: string
  pipelineId: string
}

export interface Pipelines {
  /**
   * Creates or replaces: source, rule, schedules and the audit entry in one transaction. One that is hidden from the
   * caller can be replaced by an administrator of the tenant alone: else a rule that fits nobody any more could never
   * be taken away.
   * @throws Fault `usage` for what is not valid; `not_found` for any other caller, and for a credential that does not
   *   reach it; `conflict` when the tenant has too many different rules, and for a pipeline that is removed at the same
   *   time
   */
  put(by: PutBy, request: PutPipeline): Promise<PutResult>
  get(caller: Principal, name: string): Promise<Pipeline | undefined>
  /** The rule of a pipeline; undefined: none. */
  rule(pipeline: Pipeline): Promise<string | undefined>
  /** By name. `cursor` is the last name of the page before. */
  list(
    caller: Principal,
    page: { limit: number; cursor?: string },
  ): Promise<{ items: PipelineEntry[]; next: string | null }>
  names(caller: Principal): Promise<{ id: string; name: string }[]>
  /**
   * One that is paused refuses to run for every caller and trigger, and queued runs wait. Undefined where the
   * caller sees none of that name.
   */
  setPaused(caller: Principal, name: string, paused: boolean): Promise<Pipeline | undefined>
  /**
   * With its secrets; as with `put`, an administrator can remove a hidden one. Its runs stay on record, those that
   * are queued are stopped, and its rule stays as long as there are any.
   */
  remove(caller: Principal, name: string): Promise<Pipeline | undefined>
  /**
   * A run of a pipeline that the caller sees, with its tasks; also where the pipeline was deleted. The one way from
   * the ID of a run to the run: a run of a hidden pipeline is hidden as well.
   */
  runOf(caller: Principal, id: string): Promise<RunRecord | undefined>
  /** The runs of the pipelines that the caller sees, newest first. `cursor` is the `next` of the page before. */
  runsOf(
    caller: Principal,
    query: Omit<RunQuery, 'only' | 'except'>,
  ): Promise<{ items: RunEntry[]; next: string | null }>
}

/** The runs of pipelines: those on record, and those that wait for their turn, which follow their pipeline. */
export interface PipelineRuns {
  get(tenantId: string, id: string): Promise<RunRecord | undefined>
  list(tenantId: string, query: RunQuery): Promise<{ items: RunEntry[]; next: string | null }>
  hold(pipelineId: string, isPaused: boolean): void
  withdraw(pipelineId: string, reason: string): void
}

export interface PipelinesDeps extends Omit<PutDeps, 'find' | 'get'> {
  runs: ScriptChecks & PipelineRuns
}

export function openPipelines(deps: PipelinesDeps): Pipelines {
  const { db, vault, rbac, runs } = deps
  const rules = { rulesOf: openTenantRules(db), rbac }
  const hidden = async (caller: Principal) => hiddenFrom(rules, caller)
  const find = async (tenantId: string, name: string): Promise<Pipeline | undefined> => {
    const [row] = await db
      .select()
      .from(table)
      .where(and(eq(table.tenantId, tenantId), eq(table.name, name)))
    return row
  }
  const sees = async (caller: Principal, { tenantId, pipelineId }: Owned): Promise<boolean> =>
    tenantId === caller.tenant.id && reaches(caller, pipelineId) && !isHiddenFrom(rules, caller, pipelineId)
  const get: Pipelines['get'] = async (caller, name) => {
    const row = await find(caller.tenant.id, name)
    return row && (await sees(caller, { tenantId: row.tenantId, pipelineId: row.id })) ? row : undefined
  }

  return {
    get,

    async runOf(caller, id) {
      const run = await runs.get(caller.tenant.id, id)
      return run && (await sees(caller, run)) ? run : undefined
    },

    async runsOf(caller, query) {
      return runs.list(caller.tenant.id, {
        ...query,
        only: caller.pipelines ?? undefined,
        except: await hidden(caller),
      })
    },

    rule: ({ id }) => ruleOf(db, id),

    put: (by, request) => putPipeline({ ...deps, find, get }, by, request),

    async list(caller, { limit, cursor }) {
      const after = cursor === undefined ? undefined : gt(table.name, cursor)
      const rows = await db
        .select(ENTRY_COLUMNS)
        .from(table)
        .where(
          and(eq(table.tenantId, caller.tenant.id), after, outside(caller, await hidden(caller), table.id)),
        )
        .orderBy(asc(table.name))
        .limit(limit + 1)
      const items = rows.slice(0, limit)
      return { items, next: rows.length > limit ? (items.at(-1)?.name ?? null) : null }
    },

    async names(caller) {
      return db
        .select({ id: table.id, name: table.name })
        .from(table)
        .where(and(eq(table.tenantId, caller.tenant.id), outside(caller, await hidden(caller), table.id)))
    },

    async setPaused(caller, name, paused) {
      const pipeline = await get(caller, name)
      if (pipeline === undefined) return undefined
      const [after] = await db
        .update(table)
        .set({ paused })
        .where(and(eq(table.tenantId, pipeline.tenantId), eq(table.id, pipeline.id)))
        .returning()
      runs.hold(pipeline.id, paused)
      return after
    },

    async remove(caller, name) {
      const pipeline = isAdministrator(caller) ? await find(caller.tenant.id, name) : await get(caller, name)
      if (pipeline === undefined) return undefined
      const { tenantId, id } = pipeline
      db.transaction(
        (tx) => {
          tx.delete(table)
            .where(and(eq(table.tenantId, tenantId), eq(table.id, id)))
            .run()
          removeOrphanedRule(tx, pipeline)
        },
        { behavior: 'immediate' },
      )
      runs.withdraw(id, `the pipeline ${name} was deleted before this run started`)
      await vault.removeScope(tenantId, `pipeline/${id}`)
      return pipeline
    },
  }
}
