/**
 * What the compiled server holds in memory while 200 clients follow a run that prints, and after 30,000 requests:
 * its resident memory at the end, and the most that it had. `--beside PATH` measures another binary after it.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import * as v from 'valibot'
import { load } from './api/load.ts'
import { binaryBeside, type FobServer, startFob } from './api/servers.ts'
import { apiOf } from './runs/api.ts'
import { check } from './runs/report.ts'
import { pipeline, task } from './runs/tasks.ts'

const FOLLOWERS = 200
const REQUESTS = 30_000
const LOAD_SECONDS = 1
const MOST_MIB = 142
/** Prints for longer than this takes. */
const PRINTER = ['sh', '-c', 'for i in $(seq 6000); do echo $i; sleep 0.05; done']

const folder = mkdtempSync(join(tmpdir(), 'fob-bench-'))
try {
  const own = await measure('own')
  const other = binaryBeside()
  if (other !== undefined) await measure('beside', other)
  check(`MiB with ${FOLLOWERS} followers and ${REQUESTS} requests`, own, 'at most', MOST_MIB)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function show(mib: number): string {
  return `${Math.round(mib)} MiB`
}

/** @returns MiB at the end */
async function measure(name: string, binary?: string): Promise<number> {
  const server = await startFob(join(folder, name), { binary })
  const leaving = new AbortController()
  try {
    const before = memory(server)
    const { runId, seen } = await follow(server, leaving.signal)
    let requests = 0
    while (requests < REQUESTS) requests += await drive(server)
    const { now, most } = memory(server)
    const whoSaw = seen.filter((bytes) => bytes > 0).length
    if (whoSaw !== FOLLOWERS) throw new Error(`${whoSaw} of ${FOLLOWERS} followers saw something`)
    console.log(
      `${name.padEnd(7)} idle ${show(before.now)}, after ${requests} requests ${show(now)}, at most ${show(most)}`,
    )
    leaving.abort()
    // Otherwise its task would wait for the next server.
    await apiOf(server).stop(runId)
    return now
  } finally {
    leaving.abort()
    server.process.kill()
    await server.process.exited
  }
}

interface Following {
  runId: string
  /** How many bytes each follower has seen so far. */
  seen: readonly number[]
}

/** Starts a run and follows it from its start. */
async function follow({ port, jwt }: FobServer, signal: AbortSignal): Promise<Following> {
  const api = apiOf({ port, jwt })
  await api.put('print', { source: pipeline(`await runtime.run(${task(PRINTER)})`) })
  const headers = { authorization: `Bearer ${jwt}`, 'content-type': 'application/json' }
  const run = await fetch(`http://127.0.0.1:${port}/api/pipelines/print/run`, {
    method: 'POST',
    headers,
    body: '{}',
  })
  const { run_id } = v.parse(v.object({ run_id: v.string() }), await run.json())
  const seen = Array.from({ length: FOLLOWERS }, () => 0)
  const read = async (stream: ReadableStream<Uint8Array>, index: number) => {
    for await (const chunk of stream) seen[index] = (seen[index] ?? 0) + chunk.length
  }
  for (let index = 0; index < FOLLOWERS; index++) {
    const events = await fetch(`http://127.0.0.1:${port}/api/runs/${run_id}/events`, {
      headers: { ...headers, accept: 'text/event-stream' },
      signal,
    })
    if (!events.ok || !events.body) throw new Error(`a follower was answered with ${events.status}`)
    // It ends with the server.
    read(events.body, index).catch(() => {})
  }
  return { runId: run_id, seen }
}

/** @returns how many requests were answered */
async function drive({ port, jwt }: FobServer): Promise<number> {
  const program = resolve(import.meta.dir, 'api/load.ts')
  const child = Bun.spawn(
    [process.execPath, program, String(port), '/api/v1/profile', String(LOAD_SECONDS)],
    { stdin: Buffer.from(jwt), stdout: 'pipe', stderr: 'inherit' },
  )
  const { perSecond } = v.parse(load, JSON.parse(await new Response(child.stdout).text()))
  return Math.round(perSecond * LOAD_SECONDS)
}

/** Resident memory in MiB, now and at its highest (proc(5)). */
function memory({ process: { pid } }: FobServer): { now: number; most: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const of = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1024
  return { now: of('VmRSS'), most: of('VmHWM') }
}
