/** Pages of runs, newest first, of the pipelines that the caller may see. */
import { and, desc, eq, getTableColumns, inArray, lt } from 'drizzle-orm'
import type { RunStatus } from '../../../contract/run-events.ts'
import type { Db } from '../../db/open-database.ts'
import { runs } from '../../db/schema.ts'
import type { RunEntry } from './read-run-records.ts'

const { args: _args, task: _task, redactions: _redactions, ...ENTRY_COLUMNS } = getTableColumns(runs)

export interface RunQuery {
  pipelineName?: string | undefined
  /** Only runs of this status; then a page can have fewer runs than `limit` and not be the last. */
  status?: RunStatus | undefined
  limit: number
  /** The `next` of the previous page. */
  cursor?: string | undefined
  /** IDs of the pipelines whose runs may be shown; without it, all. */
  only?: ReadonlySet<string> | undefined
  /** IDs of the pipelines whose runs may not. */
  except?: ReadonlySet<string> | undefined
}

/** Newest first: IDs of runs sort by the time of their creation. Costs the same however many runs there are. */
export async function listRuns(
  db: Db,
  tenantId: string,
  query: RunQuery,
): Promise<{ items: RunEntry[]; next: string | null }> {
  return query.status === undefined
    ? listOfAnyStatus(db, tenantId, query)
    : listOfStatus(db, tenantId, { ...query, status: query.status })
}

/** No index has the status, which changes: so many runs are searched for one page, and no more. */
const MAX_SEARCHED = 2000
const SEARCHED_AT_ONCE = 500

async function listOfStatus(
  db: Db,
  tenantId: string,
  { status, limit, ...query }: RunQuery & { status: RunStatus },
): Promise<{ items: RunEntry[]; next: string | null }> {
  const items: RunEntry[] = []
  let { cursor } = query
  for (let searched = 0; searched < MAX_SEARCHED; searched += SEARCHED_AT_ONCE) {
    const page = await listOfAnyStatus(db, tenantId, { ...query, cursor, limit: SEARCHED_AT_ONCE })
    const found = page.items.filter((run) => run.status === status)
    const left = limit - items.length
    items.push(...found.slice(0, left))
    if (found.length > left) return { items, next: items.at(-1)?.id ?? null }
    if (page.next === null) return { items, next: null }
    cursor = page.next
  }
  return { items, next: cursor ?? null }
}

async function listOfAnyStatus(
  db: Db,
  tenantId: string,
  query: RunQuery,
): Promise<{ items: RunEntry[]; next: string | null }> {
  const { pipelineName, limit, cursor, only, except } = query
  const isFiltered = pipelineName !== undefined || only !== undefined || (except?.size ?? 0) > 0
  const wanted = isFiltered
    ? inArray(runs.id, newestOfSome(db, tenantId, query))
    : and(eq(runs.tenantId, tenantId), cursor === undefined ? undefined : lt(runs.id, cursor))
  const rows = await db
    .select(ENTRY_COLUMNS)
    .from(runs)
    .where(wanted)
    .orderBy(desc(runs.id))
    .limit(limit + 1)
  const items = rows.slice(0, limit)
  return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
}

/** A pipeline that has runs. Several pipelines can have had the same name, one after the other. */
interface Pipeline {
  name: string
  id: string
}

/**
 * The IDs of one more run than fit on the page, of some pipelines. The index has the runs of each pipeline in
 * order, so these lists are merged, and no run is read that the caller may not see.
 */
function newestOfSome(db: Db, tenantId: string, { limit, cursor = AFTER_ALL, ...which }: RunQuery): string[] {
  const before = db.$client.query<{ id: string }, [string, string, string, string]>(
    `SELECT id FROM runs WHERE tenant_id = ? AND pipeline_name = ? AND pipeline_id = ? AND id < ?
      ORDER BY id DESC LIMIT 1`,
  )
  const newest = ({ name, id }: Pipeline, than: string) => before.get(tenantId, name, id, than)?.id
  const heads = pipelinesOf(db, tenantId, which).flatMap((pipeline) => {
    const run = newest(pipeline, cursor)
    return run === undefined ? [] : [{ pipeline, run }]
  })
  const found: string[] = []
  while (found.length <= limit) {
    const [first] = heads.splice(newestAt(heads), 1)
    if (!first) break
    found.push(first.run)
    const run = newest(first.pipeline, first.run)
    if (run !== undefined) heads.push({ pipeline: first.pipeline, run })
  }
  return found
}

/** Sorts after the ID of any run. */
const AFTER_ALL = '~'

function newestAt(heads: readonly { run: string }[]): number {
  let at = 0
  for (const [index, { run }] of heads.entries()) if (run > (heads[at]?.run ?? '')) at = index
  return at
}

/** The pipelines that have runs, removed ones too: found by stepping through the index. */
function pipelinesOf(
  db: Db,
  tenantId: string,
  { pipelineName, only, except }: Omit<RunQuery, 'limit' | 'cursor'>,
): Pipeline[] {
  // Two queries: for (pipeline_name, pipeline_id) > (?, ?) SQLite would scan all runs of a name.
  const ofName = db.$client.query<Pipeline, [string, string, string]>(
    `SELECT pipeline_name AS name, pipeline_id AS id FROM runs
      WHERE tenant_id = ? AND pipeline_name = ? AND pipeline_id > ? ORDER BY pipeline_id LIMIT 1`,
  )
  const ofNextName = db.$client.query<Pipeline, [string, string]>(
    `SELECT pipeline_name AS name, pipeline_id AS id FROM runs
      WHERE tenant_id = ? AND pipeline_name > ? ORDER BY pipeline_name, pipeline_id LIMIT 1`,
  )
  const after = ({ name, id }: Pipeline) =>
    ofName.get(tenantId, name, id) ?? (pipelineName === undefined ? ofNextName.get(tenantId, name) : null)
  const found: Pipeline[] = []
  for (let next = after({ name: pipelineName ?? '', id: '' }); next; next = after(next)) {
    if (only?.has(next.id) !== false && except?.has(next.id) !== true) found.push(next)
  }
  return found
}
