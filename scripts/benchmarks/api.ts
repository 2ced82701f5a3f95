/**
 * How many `GET /api/v1/profile` a second fob answers, against a bare `Bun.serve` that answers the same JSON, in
 * one run: 64 connections, the subjects take turns, and what is compared is the median of the ratios within a
 * round. Then the same once more on a server that has a million tokens of each kind.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import * as v from 'valibot'
import { fill } from './api/fill.ts'
import { load } from './api/load.ts'
import { type Server, startBare, startFob } from './api/servers.ts'

const ROUNDS = 9
const SECONDS = 1.5
const TOKENS = 1_000_000
/** What is sent in turn where one token after the other is measured: as many as an account may make at once. */
const DIFFERENT = 60
const PROFILE = '/api/v1/profile'

interface Subject {
  server: Server
  path: string
  tokens?: readonly string[]
}

const folder = mkdtempSync(join(tmpdir(), 'fob-bench-'))
const servers: Server[] = []
try {
  const [small, large] = [await startFob(join(folder, 'small')), await startFob(join(folder, 'large'))]
  servers.push(small, large)
  const profile = await fetch(`http://127.0.0.1:${small.port}${PROFILE}`, {
    headers: { authorization: `Bearer ${small.jwt}` },
  })
  const bare = await startBare(folder, await profile.text())
  servers.push(bare)
  const tokens = { small: await small.makeTokens(DIFFERENT), large: await large.makeTokens(DIFFERENT) }
  console.log(`filling a database with ${TOKENS.toLocaleString('en')} tokens of each kind …`)
  fill(large.database, TOKENS)
  const speeds = measure({
    'bare Bun.serve': { server: bare, path: PROFILE },
    '/health': { server: small, path: '/health' },
    'profile by JWT': { server: small, path: PROFILE, tokens: [small.jwt] },
    'profile by ci_': { server: small, path: PROFILE, tokens: tokens.small.slice(0, 1) },
    [`profile by ${DIFFERENT} ci_`]: { server: small, path: PROFILE, tokens: tokens.small },
    'profile by JWT, 1M tokens': { server: large, path: PROFILE, tokens: [large.jwt] },
    'profile by ci_, 1M tokens': { server: large, path: PROFILE, tokens: tokens.large.slice(0, 1) },
    [`profile by ${DIFFERENT} ci_, 1M tokens`]: { server: large, path: PROFILE, tokens: tokens.large },
  })
  report(speeds)
} finally {
  for (const server of servers) server.process.kill()
  await Promise.all(servers.map((server) => server.process.exited))
  rmSync(folder, { recursive: true, force: true })
}

/** @returns by name, requests a second in each round */
function measure(subjects: Record<string, Subject>): Record<string, number[]> {
  const speeds: Record<string, number[]> = {}
  const busy: number[] = []
  for (let round = -1; round < ROUNDS; round++) {
    for (const [name, subject] of Object.entries(subjects)) {
      const answer = drive(subject)
      // The first round is for the compiler.
      if (round < 0) continue
      ;(speeds[name] ??= []).push(answer.perSecond)
      if (name === 'bare Bun.serve') busy.push(answer.busy)
    }
  }
  console.log(`the load generator took ${Math.round(median(busy) * 100)} % of one core at the bare server`)
  return speeds
}

function drive({ server, path, tokens = [] }: Subject): v.InferOutput<typeof load> {
  const program = resolve(import.meta.dir, 'api/load.ts')
  const { exitCode, stdout, stderr } = Bun.spawnSync(
    [process.execPath, program, String(server.port), path, String(SECONDS)],
    { stdin: Buffer.from(tokens.join('\n')), stdout: 'pipe', stderr: 'pipe' },
  )
  if (exitCode !== 0) throw new Error(`the load generator failed: ${stderr.toString()}`)
  return v.parse(load, JSON.parse(stdout.toString()))
}

function report(speeds: Record<string, number[]>): void {
  const ratio = (a: string, b: string) => {
    const [of, to] = [speeds[a] ?? [], speeds[b] ?? []]
    return median(of.map((speed, round) => speed / (to[round] ?? Number.NaN)))
  }
  const bare = 'bare Bun.serve'
  for (const [name, all] of Object.entries(speeds)) {
    const perSecond = Math.round(median(all)).toLocaleString('en').padStart(9)
    console.log(
      `${name.padEnd(32)} ${perSecond} requests/s  ${(ratio(name, bare) * 100).toFixed(0)} % of bare`,
    )
  }
  for (const name of ['profile by JWT', 'profile by ci_', `profile by ${DIFFERENT} ci_`]) {
    check(`${name} / bare`, ratio(name, bare), 0.5)
    check(`${name}, 1M tokens / few tokens`, ratio(`${name}, 1M tokens`, name), 0.9)
  }
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

function check(name: string, value: number, bound: number): void {
  const held = value >= bound
  console.log(`${held ? '✓' : '✗'} ${name}: ${value.toFixed(2)} (at least ${bound})`)
  if (!held) process.exitCode = 1
}
