/** Measures how fast the output of a task is redacted and stored. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { logText, ordinarySecrets } from '../../../test/redact/samples.ts'
import type { Api } from './api.ts'
import { check, median, show, showBeside } from './report.ts'
import { pipeline, task } from './tasks.ts'

const ROUNDS = 5
const SEED = 20_261_122
const MB = 1_000_000
const SECRETS = 10
/** A server keeps 256 MiB of one run's output. */
const BLOCK_BYTES = 16 * 1024 * 1024
const BLOCKS = 14

const record = v.object({
  tasks: v.tuple([v.object({ startedAt: v.string(), endedAt: v.string() })]),
  redactions: v.array(v.object({ hits: v.number() })),
})

/** A task that prints as fast as it is let: until all of it, redacted, is in the database. */
export async function measureLog(api: Api, folder: string, beside?: Api): Promise<void> {
  const path = join(folder, 'log.txt')
  const values = ordinarySecrets(SEED, SECRETS)
  const block = logText(SEED, BLOCK_BYTES)
  // One line with a secret in each block: what is measured really looks for them.
  writeFileSync(path, '')
  for (let i = 0; i < BLOCKS; i++) {
    writeFileSync(path, `${block}token ${values[i % SECRETS]}\n`, { flag: 'a' })
  }
  const bytes = Bun.file(path).size
  const names = values.map((_, index) => `BENCH_SECRET_${index}`)
  const env = Object.fromEntries(names.map((name) => [name, `secret:${name}`]))
  const secrets = Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']))
  const source = pipeline(`await runtime.run(${task(['cat', path], env)})`)
  for (const each of [api, beside]) await each?.put('log', { source, secrets })
  const speeds: Record<'bare' | 'run' | 'beside', number[]> = { bare: [], run: [], beside: [] }
  for (let round = 0; round < ROUNDS; round++) {
    speeds.bare.push(await bareSpeed(path))
    speeds.run.push(await runSpeed(api, bytes))
    if (beside) speeds.beside.push(await runSpeed(beside, bytes))
  }
  show('bare spawn of cat, its output read and dropped', speeds.bare, 'MB/s')
  show(`the same as a task with ${SECRETS} secrets, ${Math.round(bytes / MB)} MB`, speeds.run, 'MB/s')
  if (beside) showBeside('output of a task', [speeds.run, speeds.beside], 'MB/s')
  check('MB/s of output stored with redaction', median(speeds.run), 'at least', 50)
}

async function bareSpeed(path: string): Promise<number> {
  const before = performance.now()
  const child = Bun.spawn(['cat', path], { stdin: 'ignore', stdout: 'pipe', stderr: 'ignore' })
  let bytes = 0
  for await (const chunk of child.stdout) bytes += chunk.length
  return bytes / MB / ((performance.now() - before) / 1000)
}

async function runSpeed(api: Api, bytes: number): Promise<number> {
  const runId = await api.runUnseen('log')
  const {
    tasks: [{ startedAt, endedAt }],
    redactions,
  } = v.parse(record, await api.get(`/api/runs/${runId}`))
  const hits = redactions.reduce((sum, entry) => sum + entry.hits, 0)
  if (hits !== BLOCKS) throw new Error(`${hits} secrets were hidden, not ${BLOCKS}`)
  return bytes / MB / ((Date.parse(endedAt) - Date.parse(startedAt)) / 1000)
}
