import { type AnyColumn, eq, type SQL, sql } from 'drizzle-orm'
import type { Clock } from '../../platform/clock.ts'
import type { Db } from '../db/open.ts'
import { remember } from '../db/remember.ts'
import { pipelineRules } from '../db/schema.ts'
import type { Principal } from '../rbac/principal.ts'
import type { Rbac } from '../rbac/rbac.ts'

/** Tenants whose rules are kept in memory. */
const MAX_TENANTS = 200

/** Who sees which pipelines. A rule stays when its pipeline goes: the runs that remain are still behind it. */

export async function ruleOf(db: Db, pipelineId: string): Promise<string | undefined> {
  const [row] = await db
    .select({ expression: pipelineRules.expression })
    .from(pipelineRules)
    .where(eq(pipelineRules.pipelineId, pipelineId))
  return row?.expression
}

/** @param expression checked already; empty: the rule goes */
export async function setRule(
  { db, clock }: { db: Db; clock: Clock },
  of: { tenantId: string; pipelineId: string },
  expression: string,
): Promise<void> {
  if (expression === '') {
    await db.delete(pipelineRules).where(eq(pipelineRules.pipelineId, of.pipelineId))
    return
  }
  const set = { expression, updatedAt: clock.now() }
  await db
    .insert(pipelineRules)
    .values({ ...of, ...set })
    .onConflictDoUpdate({ target: pipelineRules.pipelineId, set })
}

/** All rules of a tenant, read again when one of them has changed. */
export function openTenantRules(db: Db) {
  const rows = db
    .select({ id: pipelineRules.pipelineId, expression: pipelineRules.expression })
    .from(pipelineRules)
    .where(eq(pipelineRules.tenantId, sql.placeholder('tenantId')))
    .prepare()
  return remember(
    db,
    (tenantId) => {
      const rules = rows.all({ tenantId })
      return rules
    },
    MAX_TENANTS,
  )
}

/** The pipelines of the caller's tenant whose rule says no. */
export function hiddenFrom(
  { rulesOf, rbac }: { rulesOf: ReturnType<typeof openTenantRules>; rbac: Rbac },
  caller: Principal,
): ReadonlySet<string> {
  const rules = rulesOf(caller.tenant.id) ?? []
  return new Set(rules.filter(({ expression }) => !rbac.allowed(caller, expression)).map(({ id }) => id))
}

/** As a condition: the column's pipeline is not hidden, and within what the caller's credential reaches. */
export function outside(
  { pipelines }: Pick<Principal, 'pipelines'>,
  hidden: ReadonlySet<string>,
  column: AnyColumn,
): SQL {
  const visible = sql`${column} NOT IN ${among(hidden)}`
  return pipelines === null ? visible : sql`${visible} AND ${column} IN ${among(pipelines)}`
}

/** As one JSON value: a list of parameters has an end. */
function among(ids: Iterable<string>): SQL {
  return sql`(SELECT value FROM json_each(${JSON.stringify([...ids])}))`
}
