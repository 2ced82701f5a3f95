/**
 * How long `fob auth login` takes against our own server, from exec to exit, with a stand-in for the browser that
 * signs in and consents at once; against the bare sum of its HTTP requests, which one Bun process sends. Both sign in
 * with the same password, whose check costs the server alike. The two take turns, so that a machine that slows down
 * slows both; what counts is the median of the ratios of such pairs.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { httpBrowser } from '../../test/support/servers/http-browser.ts'
import { ADA, startFob } from './api/servers.ts'
import { bareLogin } from './login/bare-login.ts'

const ROUNDS = 9
const BOUND = 1.6
const FOB = resolve(import.meta.dir, '../../dist/fob')

interface Pair {
  fobMs: number
  bareMs: number
}

const folder = mkdtempSync(join(tmpdir(), 'fob-bench-'))
const server = await startFob(join(folder, 'server'))
try {
  const url = `http://127.0.0.1:${server.port}`
  const pairs: Pair[] = []
  // The first round is for the compiler and the page cache.
  for (let round = -1; round < ROUNDS; round++) {
    const isFobFirst = round % 2 === 0
    const first = isFobFirst ? await fobLogin(url) : await bareLogin(url)
    const second = isFobFirst ? await bareLogin(url) : await fobLogin(url)
    if (round >= 0) {
      pairs.push(isFobFirst ? { fobMs: first, bareMs: second } : { fobMs: second, bareMs: first })
    }
  }
  report(pairs)
} finally {
  server.process.kill()
  await server.process.exited
  rmSync(folder, { recursive: true, force: true })
}

/** One login of the binary in a home of its own. @returns milliseconds from exec to exit */
async function fobLogin(url: string): Promise<number> {
  const home = mkdtempSync(join(folder, 'home-'))
  const started = performance.now()
  const child = Bun.spawn([FOB, 'auth', 'login', '-s', url, '--insecure-storage'], {
    // The page is opened here, by the address that is printed.
    env: { PATH: process.env.PATH ?? '', HOME: home, BROWSER: 'true' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const printed: string[] = []
  let browsing: Promise<void> | undefined
  for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
    printed.push(chunk)
    const address = /^ +(http\S+)$/m.exec(printed.join(''))?.[1]
    if (address !== undefined) browsing ??= browse(address)
  }
  await Promise.all([child.exited, browsing])
  const took = performance.now() - started
  if (child.exitCode !== 0) throw new Error(`the login ended with ${child.exitCode}: ${printed.join('')}`)
  return took
}

/** What a person does: signs in, consents, and is sent to the page of the command. */
async function browse(address: string): Promise<void> {
  const browser = httpBrowser()
  const consent = await browser.submit(await browser.open(address), ADA)
  const { status } = await browser.submit(consent, {}, 'Authorize')
  if (status !== 200) throw new Error(`the last page has the status ${status}`)
}

function report(pairs: readonly Pair[]): void {
  const fob = median(pairs.map(({ fobMs }) => fobMs))
  const bare = median(pairs.map(({ bareMs }) => bareMs))
  const ratio = median(pairs.map(({ fobMs, bareMs }) => fobMs / bareMs))
  console.log(`fob auth login    ${fob.toFixed(0).padStart(5)} ms (median of ${pairs.length})`)
  console.log(`its HTTP requests ${bare.toFixed(0).padStart(5)} ms`)
  console.log(
    `${ratio <= BOUND ? '✓' : '✗'} fob auth login / its HTTP requests: ${ratio.toFixed(2)} (at most ${BOUND})`,
  )
  if (ratio > BOUND) process.exitCode = 1
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
