/** Sets of runs as seekable lists of IDs, newest first: each is an index, or is composed of others. */
import type { Db } from '../../db/open-database.ts'

/** The runs that have something in common. IDs of runs sort by the time of their creation. */
export interface RunIdSource {
  /** The newest ID before `bound`. */
  newest(bound: string): Sought
}

type Sought =
  | { kind: 'found'; id: string }
  | { kind: 'none' }
  /** The search has taken long enough; nothing was found from the bound that it started at down to `at`. */
  | { kind: 'given up'; at: string }

const NONE = { kind: 'none' } as const

/** Sorts after the ID of any run. */
export const AFTER_ALL = '~'

/** The lowest text that sorts after `id`: no digit of an ID sorts before 0. */
function justAfter(id: string): string {
  return `${id}0`
}

/** Rows of an index that begins with the tenant and ends with the ID. */
export type RunIndex = 'tenant' | 'status' | 'trigger' | 'token' | 'pipeline'

/** By index, the columns between the tenant and the ID. */
const COLUMNS: Readonly<Record<RunIndex, readonly string[]>> = {
  tenant: [],
  status: ['status'],
  trigger: ['triggered_by'],
  token: ['token_name'],
  pipeline: ['pipeline_name', 'pipeline_id'],
}

/** The query by which a source steps through an index. */
export function seekQuery(index: RunIndex): string {
  const equal = ['tenant_id', ...COLUMNS[index]].map((column) => `${column} = ?`).join(' AND ')
  return `SELECT id FROM runs WHERE ${equal} AND id < ? ORDER BY id DESC LIMIT 1`
}

/** The runs whose columns have these values. */
export function indexed(
  db: Db,
  tenantId: string,
  index: RunIndex,
  values: readonly string[] = [],
): RunIdSource {
  const query = db.$client.query<{ id: string }, string[]>(seekQuery(index))
  return {
    newest(bound) {
      const row = query.get(tenantId, ...values, bound)
      return row === null ? NONE : { kind: 'found', id: row.id }
    },
  }
}

/** The runs of any of some sets. What each has next is remembered, so that one step asks only the set it came from. */
export function anyOf(sources: readonly RunIdSource[]): RunIdSource {
  const heads = sources.map((source) => ({ source, from: '', next: NONE as Sought }))
  return {
    newest(bound) {
      let newest: Sought = NONE
      for (const head of heads) {
        const isStale = head.from < bound || (head.next.kind === 'found' && head.next.id >= bound)
        if (isStale) Object.assign(head, { from: bound, next: head.source.newest(bound) })
        if (head.next.kind !== 'found') continue
        if (newest.kind !== 'found' || head.next.id > newest.id) newest = head.next
      }
      return newest
    },
  }
}

/** What one search for a run takes at most: some 20 ms, in which no request is served. */
const MAX_STEPS = 4000

/** The runs that are in all of some sets. Each set in turn is asked for its newest ID up to what the last one has. */
export function allOf(sources: readonly RunIdSource[], maxSteps = MAX_STEPS): RunIdSource {
  const [only] = sources
  if (only !== undefined && sources.length === 1) return only
  let steps = 0
  return {
    newest(before) {
      let bound = before
      let candidate: string | undefined
      for (let agreed = 0, turn = 0; agreed < sources.length; turn = (turn + 1) % sources.length) {
        const source = sources[turn]
        if (source === undefined) return NONE
        if (++steps > maxSteps) return { kind: 'given up', at: bound }
        const found = source.newest(bound)
        if (found.kind !== 'found') return found
        agreed = found.id === candidate ? agreed + 1 : 1
        candidate = found.id
        bound = justAfter(candidate)
      }
      return candidate === undefined ? NONE : { kind: 'found', id: candidate }
    },
  }
}

/** The IDs of runs created at `ms` and later are not below this: their first 48 bits are the time (RFC 9562 §5.7). */
export function firstIdAt(ms: number): string {
  return `run_${Math.max(0, ms).toString(16).padStart(12, '0')}`
}

/** The runs of a set that are not below an ID. */
export function from(source: RunIdSource, id: string): RunIdSource {
  return {
    newest(bound) {
      const found = source.newest(bound)
      return found.kind === 'found' && found.id < id ? NONE : found
    },
  }
}
