/** Who sees which pipelines, by the rules on them. */
import { and, type AnyColumn, countDistinct, eq, ne, type SQL, sql } from 'drizzle-orm'
import { Fault } from '../../contract/fault.ts'
import type { Db } from '../db/open-database.ts'
import { remember } from '../db/cache-until-change.ts'
import { pipelineRules } from '../db/schema.ts'
import type { Principal } from '../access-rules/principal.ts'
import type { Rbac } from '../access-rules/access-rules.ts'

/** Tenants whose rules are cached in memory. */
const MAX_TENANTS = 200

/**
 * Different rules of one tenant. Some of them are as long as rules can be, and who asks for a list has all of
 * them evaluated, in the process that answers everybody.
 */
export const MAX_RULES = 500

/**
 * Who sees which pipelines. A rule stays when its pipeline goes, as long as there are runs: they are still
 * behind it.
 */

export async function ruleOf(db: Db, pipelineId: string): Promise<string | undefined> {
  const [row] = await db
    .select({ expression: pipelineRules.expression })
    .from(pipelineRules)
    .where(eq(pipelineRules.pipelineId, pipelineId))
  return row?.expression
}

/**
 * @param expression checked already; empty: the rule goes
 * @throws Fault `conflict` when the tenant has too many different rules
 */
export function setRule(
  tx: Pick<Db, 'select' | 'insert' | 'delete'>,
  of: { tenantId: string; pipelineId: string },
  rule: { expression: string; updatedAt: number },
): void {
  tx.delete(pipelineRules).where(eq(pipelineRules.pipelineId, of.pipelineId)).run()
  if (rule.expression === '') return
  requireRoom(tx, of.tenantId, rule.expression)
  tx.insert(pipelineRules)
    .values({ ...of, ...rule })
    .run()
}

function requireRoom(tx: Pick<Db, 'select'>, tenantId: string, expression: string): void {
  const others = and(eq(pipelineRules.tenantId, tenantId), ne(pipelineRules.expression, expression))
  const [found] = tx
    .select({ n: countDistinct(pipelineRules.expression) })
    .from(pipelineRules)
    .where(others)
    .all()
  if ((found?.n ?? 0) < MAX_RULES) return
  throw new Fault('conflict', `the tenant has ${MAX_RULES} different rules, and that is the limit`, {
    hint: 'give several pipelines the same rule: they count as one',
  })
}

/** All rules of a tenant by their pipelines, read again when one of them has changed. */
export function openTenantRules(db: Db) {
  const rows = db
    .select({ id: pipelineRules.pipelineId, expression: pipelineRules.expression })
    .from(pipelineRules)
    .where(eq(pipelineRules.tenantId, sql.placeholder('tenantId')))
    .prepare()
  return remember(
    db,
    (tenantId): ReadonlyMap<string, string> =>
      new Map(rows.all({ tenantId }).map(({ id, expression }) => [id, expression])),
    MAX_TENANTS,
  )
}

interface Rules {
  rulesOf: ReturnType<typeof openTenantRules>
  rbac: Rbac
}

/** The pipelines of the caller's tenant whose rule says no. */
export function hiddenFrom({ rulesOf, rbac }: Rules, caller: Principal): ReadonlySet<string> {
  const rules = rulesOf(caller.tenant.id) ?? new Map<string, string>()
  const passes = rbac.judge(caller)
  return new Set([...rules].filter(([, expression]) => !passes(expression)).map(([id]) => id))
}

/** The same of one pipeline of the caller's tenant, whatever rules the others have. */
export function isHiddenFrom({ rulesOf, rbac }: Rules, caller: Principal, pipelineId: string): boolean {
  const expression = rulesOf(caller.tenant.id)?.get(pipelineId)
  return expression !== undefined && !rbac.allowed(caller, expression)
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
