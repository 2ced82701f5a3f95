/** Pages of runs, newest first, of the pipelines that the caller may see. */
import { desc, getTableColumns, inArray } from 'drizzle-orm'
import type { RunStatus } from '../../../contract/run-events.ts'
import type { Db } from '../../db/open-database.ts'
import { runs } from '../../db/schema.ts'
import type { RunEntry } from './read-run-records.ts'
import { AFTER_ALL, allOf, anyOf, firstIdAt, from, indexed, type RunIdSource } from './run-id-source.ts'

const { args: _args, task: _task, redactions: _redactions, ...ENTRY_COLUMNS } = getTableColumns(runs)

/** Which runs a caller asks for. */
export interface RunFilter {
  pipelineName?: string | undefined
  status?: RunStatus | undefined
  /**
   * Part of what started it, in any case: a person's e-mail or ID, the name of a token or service key, `schedule`,
   * `webhook`.
   */
  by?: string | undefined
  /** Milliseconds since 1970, both included. */
  since?: number | undefined
  until?: number | undefined
}

export interface RunQuery extends RunFilter {
  limit: number
  /** The `next` of the previous page. */
  cursor?: string | undefined
  /** IDs of the pipelines whose runs may be shown; without it, all. */
  only?: ReadonlySet<string> | undefined
  /** IDs of the pipelines whose runs may not. */
  except?: ReadonlySet<string> | undefined
}

/**
 * Newest first: IDs of runs sort by the time of their creation. Costs the same however many runs there are; where few
 * runs are in the sets of several filters, the search is given up for this page, which then has fewer than `limit` and
 * is not the last.
 */
export async function listRuns(
  db: Db,
  tenantId: string,
  query: RunQuery,
): Promise<{ items: RunEntry[]; next: string | null }> {
  const { ids, next } = newestIds(filtered(db, tenantId, query), query)
  const items = await db.select(ENTRY_COLUMNS).from(runs).where(inArray(runs.id, ids)).orderBy(desc(runs.id))
  return { items, next }
}

function newestIds(
  source: RunIdSource,
  { limit, cursor = AFTER_ALL, until }: RunQuery,
): { ids: string[]; next: string | null } {
  const end = until === undefined ? AFTER_ALL : firstIdAt(until + 1)
  const ids: string[] = []
  for (let bound = cursor < end ? cursor : end; ;) {
    const found = source.newest(bound)
    if (found.kind === 'given up') return { ids, next: found.at }
    if (found.kind === 'none') return { ids, next: null }
    if (ids.length === limit) return { ids, next: bound }
    ids.push(found.id)
    bound = found.id
  }
}

/** No run is read that the caller may not see, nor one that the filter leaves out. */
function filtered(db: Db, tenantId: string, query: RunQuery): RunIdSource {
  const { pipelineName, status, by, since, only, except } = query
  const sources: RunIdSource[] = []
  if (pipelineName !== undefined || only !== undefined || (except?.size ?? 0) > 0) {
    const pipelines = pipelinesOf(db, tenantId, query)
    sources.push(anyOf(pipelines.map(({ name, id }) => indexed(db, tenantId, 'pipeline', [name, id]))))
  }
  if (status !== undefined) sources.push(indexed(db, tenantId, 'status', [status]))
  if (by !== undefined) {
    const triggers = valuesWith(db, tenantId, 'triggered_by', by)
    const tokens = valuesWith(db, tenantId, 'token_name', by)
    sources.push(
      anyOf([
        ...triggers.map((value) => indexed(db, tenantId, 'trigger', [value])),
        ...tokens.map((value) => indexed(db, tenantId, 'token', [value])),
      ]),
    )
  }
  const all = allOf(sources.length === 0 ? [indexed(db, tenantId, 'tenant')] : sources)
  return since === undefined ? all : from(all, firstIdAt(since))
}

/** A pipeline that has runs. Several pipelines can have had the same name, one after the other. */
interface Pipeline {
  name: string
  id: string
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

/** The query that steps from one value of a column to the next, of which there are few. */
export function nextValueQuery(column: 'triggered_by' | 'token_name'): string {
  return `SELECT ${column} AS value FROM runs WHERE tenant_id = ? AND ${column} > ? ORDER BY ${column} LIMIT 1`
}

/** The values of a column that have `part` in them. */
function valuesWith(db: Db, tenantId: string, column: 'triggered_by' | 'token_name', part: string): string[] {
  const query = db.$client.query<{ value: string }, [string, string]>(nextValueQuery(column))
  const sought = part.toLowerCase()
  const found: string[] = []
  for (let row = query.get(tenantId, ''); row; row = query.get(tenantId, row.value)) {
    if (row.value.toLowerCase().includes(sought)) found.push(row.value)
  }
  return found
}
