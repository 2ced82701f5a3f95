/**
 * What the native driver adds to a process: to one task, to many, and to their output; and what the process that
 * runs the tasks weighs. With the compiled binary, and with tasks as children of this process beside it.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { systemClock } from '../../src/platform/clock.ts'
import type { Driver } from '../../src/server/runs/drivers/driver-interface.ts'
import { createNativeDriver } from '../../src/server/runs/drivers/native-driver.ts'

const ROUNDS = 101
const TASKS = 1000
const AT_ONCE = 64
const OUTPUT_BYTES = 500_000_000
const FOB = resolve(import.meta.dir, '../../dist/fob')
const NEVER = new AbortController().signal

const folder = mkdtempSync(join(tmpdir(), 'fob-bench-'))
try {
  const bare = median(await repeat(ROUNDS, async () => void (await spawn(['true']).exited)))
  console.log(`true by itself                ${bare.toFixed(1).padStart(7)} ms`)
  await measure('child of this process', {}, bare)
  await measure('process of its own', { command: [FOB, '__tasks'] }, bare)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function measure(name: string, options: { command?: string[] }, bare: number): Promise<void> {
  const driver = createNativeDriver({ dataDir: folder, clock: systemClock, ...options })
  const run = createRun(driver)
  console.log(name)
  const [first = 0] = await repeat(1, () => run(['true']))
  line('first task', first, 'ms')
  if (options.command) line('memory of its own', await ownMemory(run), 'MB')
  const one = median(await repeat(ROUNDS, () => run(['true'])))
  line('a task of true', one, 'ms')
  const [many = 0] = await repeat(1, async () => {
    let left = TASKS
    const work = async () => {
      while (left-- > 0) await run(['true'])
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
  })
  line('tasks of true', (TASKS / many) * 1000, '/s', 'at least 100')
  const [output = 0] = await repeat(1, () => run(['head', '-c', String(OUTPUT_BYTES), '/dev/zero']))
  line('output', OUTPUT_BYTES / 1000 / output, 'MB/s', 'at least 50')
  line('beyond a bare spawn', one - bare, 'ms', 'at most 60')
  await driver.cleanUp('run_bench')
  await driver.close()
}

type Run = (command: string[], sink?: (text: string) => void) => Promise<void>

function createRun(driver: Driver): Run {
  let number = 0
  return async ([path = '', ...args], sink) => {
    const stored = { stdout: 0, stderr: 0 }
    const stdout = async (chunk: Uint8Array) => {
      stored.stdout += chunk.length
      sink?.(Buffer.from(chunk).toString())
    }
    const spec = { runId: 'run_bench', number: ++number, env: {}, mounts: [], limits: {} }
    const sinks = { stdout, stderr: async () => {}, stored: () => stored }
    await driver.run({ ...spec, command: { path, args } }, sinks, NEVER)
  }
}

/** Of the parent of a task; in MB, without what it shares with the server: the pages of the program. */
async function ownMemory(run: Run): Promise<number> {
  let parent = ''
  await run(['sh', '-c', 'echo $PPID'], (text) => (parent += text.trim()))
  const rollup = readFileSync(`/proc/${parent}/smaps_rollup`, 'utf8')
  return Number(/^Private_Dirty:\s+(\d+) kB$/m.exec(rollup)?.[1]) / 1024
}

function spawn(command: string[]) {
  return Bun.spawn(command, { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe', detached: true })
}

async function repeat(count: number, act: () => Promise<void>): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const start = performance.now()
    await act()
    times.push(performance.now() - start)
  }
  return times
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

function line(what: string, value: number, unit: string, wanted = ''): void {
  const figure = `${value.toFixed(1).padStart(7)} ${unit}`
  console.log(`  ${what.padEnd(26)}  ${figure}${wanted === '' ? '' : `  (${wanted})`}`)
}
