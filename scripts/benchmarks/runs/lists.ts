/** Measures the list of the newest runs with 10, 1,000 and a million runs in the database. */
import { Database } from 'bun:sqlite'
import * as v from 'valibot'
import type { FobServer } from '../api/servers.ts'
import { apiOf } from './api.ts'
import { check, median, show } from './report.ts'
import { pipeline } from './tasks.ts'

const ROUNDS = 301
const FEW = 10
const SOME = 1000
const MANY = 1_000_000
const ROWS_PER_TRANSACTION = 20_000
/** In the largest database, all but the oldest runs are of one pipeline. */
const [BUSY, RARE] = ['busy', 'rare']

type Servers = Record<'few' | 'some' | 'many', FobServer>
type Caller = Pick<FobServer, 'port' | 'jwt'>

const page = v.object({ items: v.array(v.object({ id: v.string() })) })

/** The newest 10 runs of 10, of 1,000 and of a million; the 10 of a rare pipeline, by any caller and by some. */
export async function measureLists(servers: Servers): Promise<void> {
  for (const [name, count] of [
    ['few', FEW],
    ['some', SOME],
    ['many', MANY],
  ] as const) {
    const api = apiOf(servers[name])
    for (const each of [BUSY, RARE]) await api.put(each, { source: pipeline('') })
    fill(servers[name].database, count)
  }
  const { few, some, many } = servers
  const ofRare = `&pipeline=${RARE}`
  const [fewOfToken, manyOfToken] = [await reachRareOnly(few), await reachRareOnly(many)]
  const [fewSeen, manySeen] = [await hiddenFrom(few), await hiddenFrom(many)]
  /** The same question each, of few runs and of more. */
  const subjects: [string, () => Promise<void>, string, () => Promise<void>][] = [
    ['10 runs', lister(few), '10 of 1,000', lister(some)],
    ['10 runs', lister(few), '10 of 1,000,000', lister(many)],
    ['of a pipeline', lister(few, ofRare), 'its 10 oldest of 1,000,000', lister(many, ofRare)],
    ['that a token reaches', lister(fewOfToken), 'the 10 oldest of 1,000,000', lister(manyOfToken)],
    ['that are not hidden', lister(fewSeen), 'the 10 oldest of 1,000,000', lister(manySeen)],
  ]
  for (const [name, listFew, more, listMore] of subjects) {
    const times: [number[], number[]] = [[], []]
    for (let round = -20; round < ROUNDS; round++) {
      for (const [index, list] of [listFew, listMore].entries()) {
        const before = performance.now()
        await list()
        if (round >= 0) times[index]?.push(performance.now() - before)
      }
    }
    show(`list ${name}`, times[0], 'ms')
    show(`list ${name}, ${more}`, times[1], 'ms')
    check(`list ${name}, ${more} / of 10`, median(times[1]) / median(times[0]), 'at most', 1.2)
  }
}

/** Lists the newest 10 with one token. */
function lister({ port, jwt }: Caller, query = ''): () => Promise<void> {
  const api = apiOf({ port, jwt })
  return async () => {
    const { items } = v.parse(page, await api.get(`/api/runs?limit=${FEW}${query}`))
    if (items.length !== FEW) throw new Error(`a list has ${items.length} runs, not ${FEW}`)
  }
}

/** A token for the rare pipeline. */
async function reachRareOnly({ port, jwt }: FobServer): Promise<Caller> {
  return { port, jwt: await apiOf({ port, jwt }).makeToken({ scopes: ['runs:read'], pipelines: [RARE] }) }
}

/** A token that the busy pipeline is hidden from. */
async function hiddenFrom({ port, jwt }: FobServer): Promise<Caller> {
  const api = apiOf({ port, jwt })
  await api.put(BUSY, { source: pipeline(''), rbac: '"runs:trigger" in Scopes' })
  return { port, jwt: await api.makeToken({ scopes: ['runs:read'], allPipelines: true }) }
}

/** Runs that have succeeded, the first ones of the rare pipeline: beside the running server. */
function fill(path: string, count: number): void {
  const db = new Database(path)
  db.run('PRAGMA busy_timeout = 10000')
  const idOf = (name: string) =>
    v.parse(v.object({ id: v.string() }), db.query('SELECT id FROM pipelines WHERE name = ?').get(name)).id
  const [busy, rare] = [idOf(BUSY), idOf(RARE)]
  const insert =
    db.prepare(`INSERT INTO runs (id, tenant_id, pipeline_id, pipeline_name, status, triggered_by,
    args, created_at, started_at, ended_at) VALUES (?, 'ten_default', ?, ?, 'success', 'bench', '[]', ?, ?, ?)`)
  for (let from = 0; from < count; from += ROWS_PER_TRANSACTION) {
    db.transaction(() => {
      for (let i = from; i < Math.min(from + ROWS_PER_TRANSACTION, count); i++) {
        const [id, name] = i < FEW ? [rare, RARE] : [busy, BUSY]
        insert.run(`run_${i.toString(16).padStart(32, '0')}`, id, name, i, i, i)
      }
    }).immediate()
  }
  db.run('PRAGMA wal_checkpoint(PASSIVE)')
  db.close()
}
