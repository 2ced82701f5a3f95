/**
 * How many `GET /api/v1/profile` a second fob answers, against a bare `Bun.serve` that answers the same requests
 * with the same JSON, in one run, at 64 connections; and a server that has a million tokens of each kind against
 * one that has few; and a JWT of a trusted issuer against one of our own. Two that are compared take turns, half a second each, so that what the machine does beside
 * meets both alike; what counts is the median of the ratios of such pairs. `--beside PATH` measures another binary
 * against the same bare server too.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import * as v from 'valibot'
import { startWorkloadIssuer } from '../../test/support/stand-ins/workload-issuer.ts'
import { fill } from './api/fill.ts'
import { sendEach } from './api/different-jwts.ts'
import { load } from './api/load.ts'
import { binaryBeside, type FobServer, type Server, startBare, startFob } from './api/servers.ts'

const ROUNDS = 15
const SECONDS = 0.5
const TOKENS = 1_000_000
/** What is sent in turn where one token after the other is measured: as many as an account may make at once. */
const DIFFERENT = 60
const PROFILE = '/api/v1/profile'
/** Different JWTs of a trusted issuer that a server has to take in a minute; the rounds show whether memory grows. */
const A_MINUTE = 10_000
const DIFFERENT_ROUNDS = 3

interface Subject {
  server: Server
  path: string
  /** Tokens that are sent in turn. */
  sent: readonly string[]
}

/** Which part of one core the load generator took at most: what takes all of one measures itself. */
let busiest = 0

const folder = mkdtempSync(join(tmpdir(), 'fob-bench-'))
const servers: Server[] = []
const issuer = startWorkloadIssuer()
try {
  const small = await startFob(join(folder, 'small'), { trustedIssuer: issuer.url })
  const large = await startFob(join(folder, 'large'))
  servers.push(small, large)
  // First, as long as the keys of the issuer are fresh: a benchmark has no time to respond to whoever asks for them.
  await measureTrusted(small)
  const profile = await fetch(`http://127.0.0.1:${small.port}${PROFILE}`, {
    headers: { authorization: `Bearer ${small.jwt}` },
  })
  const bare = await startBare(folder, await profile.text())
  servers.push(bare)
  const path = binaryBeside()
  const other = path === undefined ? undefined : await startFob(join(folder, 'beside'), { binary: path })
  if (other) servers.push(other)
  const tokens = { small: await small.makeTokens(DIFFERENT), large: await large.makeTokens(DIFFERENT) }
  console.log(`filling a database with ${TOKENS.toLocaleString('en')} tokens of each kind …`)
  fill(large.database, TOKENS)
  const profileOf = (server: Server, sent: readonly string[]): Subject => ({ server, path: PROFILE, sent })
  const credentials: [string, string[], string[]][] = [
    ['JWT', [small.jwt], [large.jwt]],
    ['ci_', tokens.small.slice(0, 1), tokens.large.slice(0, 1)],
    [`${DIFFERENT} ci_`, tokens.small, tokens.large],
  ]
  report([
    measure('/health', [{ server: small, path: '/health', sent: [] }, profileOf(bare, [])]),
    ...(other
      ? [measure('profile by JWT, other binary / bare', [profileOf(other, [other.jwt]), profileOf(bare, [])])]
      : []),
    ...credentials.map(([name, few]) =>
      measure(`profile by ${name} / bare`, [profileOf(small, few), profileOf(bare, few)], 0.5),
    ),
    ...credentials.map(([name, few, million]) =>
      measure(`profile by ${name}, 1M / few tokens`, [profileOf(large, million), profileOf(small, few)], 0.9),
    ),
  ])
} finally {
  for (const server of servers) server.process.kill()
  await Promise.all(servers.map((server) => server.process.exited))
  rmSync(folder, { recursive: true, force: true })
  await issuer.stop()
}

/** A JWT of a trusted issuer that is remembered, then thousands of different ones. */
async function measureTrusted(server: FobServer): Promise<void> {
  const exp = Math.floor(Date.now() / 1000) + 3600
  const mint = () => issuer.mintToken({ aud: `http://127.0.0.1:${server.port}`, exp })
  const token = mint()
  await sendEach(server, PROFILE, [token])
  const ofIssuer = { server, path: PROFILE, sent: [token] }
  const ofOurs = { server, path: PROFILE, sent: [server.jwt] }
  report([measure('profile by JWT, trusted issuer / ours', [ofIssuer, ofOurs], 0.9)])
  for (let round = 0; round < DIFFERENT_ROUNDS; round++) {
    const { perMinute, residentMib } = await sendEach(server, PROFILE, Array.from({ length: A_MINUTE }, mint))
    const speed = Math.round(perMinute).toLocaleString('en')
    const held = perMinute >= A_MINUTE
    console.log(
      `${held ? '✓' : '✗'} ${A_MINUTE.toLocaleString('en')} different JWTs: ${speed} a minute, then ${Math.round(residentMib)} MiB resident`,
    )
    if (!held) process.exitCode = 1
  }
}

interface Comparison {
  name: string
  /** Requests a second, at the median. */
  speeds: [number, number]
  ratio: number
  atLeast: number | undefined
}

function measure(name: string, [subject, other]: [Subject, Subject], atLeast?: number): Comparison {
  const pairs: [number, number][] = []
  // The first round is for the compiler.
  for (let round = -1; round < ROUNDS; round++) {
    const swapped = round % 2 === 0
    const first = drive(swapped ? other : subject)
    const second = drive(swapped ? subject : other)
    if (round >= 0) pairs.push(swapped ? [second, first] : [first, second])
  }
  const ratio = median(pairs.map(([one, two]) => one / two))
  return {
    name,
    ratio,
    speeds: [median(pairs.map(([one]) => one)), median(pairs.map(([, two]) => two))],
    atLeast,
  }
}

/** @returns answers a second */
function drive({ server, path, sent }: Subject): number {
  const program = resolve(import.meta.dir, 'api/load.ts')
  const { exitCode, stdout, stderr } = Bun.spawnSync(
    [process.execPath, program, String(server.port), path, String(SECONDS)],
    { stdin: Buffer.from(sent.join('\n')), stdout: 'pipe', stderr: 'pipe' },
  )
  if (exitCode !== 0) throw new Error(`the load generator failed: ${stderr.toString()}`)
  const { perSecond, busy } = v.parse(load, JSON.parse(stdout.toString()))
  busiest = Math.max(busiest, busy)
  return perSecond
}

function report(comparisons: readonly Comparison[]): void {
  for (const { name, speeds, ratio, atLeast } of comparisons) {
    const [one, two] = speeds.map((speed) => Math.round(speed).toLocaleString('en').padStart(8))
    const held = atLeast === undefined || ratio >= atLeast
    const bound = atLeast === undefined ? '' : ` (at least ${atLeast})`
    console.log(
      `${atLeast === undefined ? ' ' : held ? '✓' : '✗'} ${name.padEnd(36)} ${one} / ${two} requests/s: ${ratio.toFixed(2)}${bound}`,
    )
    if (!held) process.exitCode = 1
  }
  console.log(`the load generator took at most ${Math.round(busiest * 100)} % of one core`)
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
