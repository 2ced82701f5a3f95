/** An open driver with runs of its own for each group of tests, and helpers to run a task to its end. */
import { afterAll, beforeAll } from 'bun:test'
import { readFileSync } from 'node:fs'
import { systemClock } from '../../../../src/platform/clock.ts'
import type {
  Driver,
  TaskEnd,
  TaskSinks,
  TaskSpec,
} from '../../../../src/server/runs/drivers/driver-interface.ts'
import { temporaryFolder } from '../../../support/temporary.ts'
import type { DriverWorld } from './contract.ts'

export const NEVER = new AbortController().signal

export interface Ran extends TaskEnd {
  stdout: string
  stderr: string
  ms: number
}

/** A driver with its folder, and runs that no other test has. */
export interface Fixture {
  driver(): Driver
  folder: string
  newRun(): string
  /** The folder of this machine that a volume of a run is in: to look at it costs no task. */
  folderOfVolume(runId: string, volume: string): Promise<string>
  /** A task of `runId`, or of a run of its own; a text is for the shell. */
  run(command: string | string[], more?: Partial<TaskSpec>, signal?: AbortSignal): Promise<Ran>
  spec(command: string | string[], more?: Partial<TaskSpec>): TaskSpec
}

/** Opened before the tests of this `describe`, closed after them. */
export function openFixture(world: DriverWorld): Fixture {
  const folder = temporaryFolder()
  let opened: Driver | undefined
  let runs = 0
  let tasks = 0
  beforeAll(async () => {
    opened = await world.open(folder)
  }, 60_000)
  afterAll(async () => {
    await opened?.sweep(new Set())
    await opened?.close()
  }, 60_000)

  const driver = () => {
    if (!opened) throw new Error('used before it was opened')
    return opened
  }
  const newRun = () => `run_${world.name}_${process.pid}_${Date.now().toString(36)}_${++runs}`

  function spec(command: string | string[], more: Partial<TaskSpec> = {}): TaskSpec {
    const number = ++tasks
    return { ...plainSpec(world, command), runId: newRun(), number, ...more }
  }

  async function run(command: string | string[], more: Partial<TaskSpec> = {}, signal = NEVER): Promise<Ran> {
    const { sinks, text } = collect()
    const started = performance.now()
    const end = await runToEnd(driver(), spec(command, more), sinks, signal)
    return { ...end, ...text(), ms: performance.now() - started }
  }

  const folderOfVolume = (runId: string, volume: string) => world.folderOfVolume(folder, runId, volume)

  return { driver, folder, newRun, folderOfVolume, run, spec }
}

/** @throws where the task is lost on the way: no test kills what runs it but those that say so */
export async function runToEnd(
  driver: Driver,
  spec: TaskSpec,
  sinks: TaskSinks,
  signal = NEVER,
): Promise<TaskEnd> {
  const end = await driver.run(spec, sinks, signal)
  if (!end) throw new Error('the task was lost')
  return end
}

/** @returns a spec that declares nothing but its command. */
export function plainSpec(world: Pick<DriverWorld, 'image'>, command: string | string[]): TaskSpec {
  const [path = '', ...args] = typeof command === 'string' ? ['sh', '-c', command] : command
  return {
    runId: '',
    number: 1,
    image: world.image,
    command: { path, args },
    env: {},
    mounts: [],
    limits: {},
  }
}

/** Sinks that keep all and say that it is stored. */
export function collect(): { sinks: TaskSinks; text(): { stdout: string; stderr: string } } {
  const chunks = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] }
  const length = (stream: 'stdout' | 'stderr') => chunks[stream].reduce((sum, chunk) => sum + chunk.length, 0)
  const textOf = (stream: 'stdout' | 'stderr') => Buffer.concat(chunks[stream]).toString()
  return {
    sinks: {
      stdout: async (chunk) => void chunks.stdout.push(chunk.slice()),
      stderr: async (chunk) => void chunks.stderr.push(chunk.slice()),
      stored: () => ({ stdout: length('stdout'), stderr: length('stderr') }),
    },
    text: () => ({ stdout: textOf('stdout'), stderr: textOf('stderr') }),
  }
}

/** @throws Error when it did not hold within 15 s */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 15_000
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error('did not happen in 15 s')
    await systemClock.sleep(20)
  }
}

/** What a promise rejects with; undefined when it does not. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}

/** Not so for a zombie, which only waits to be buried. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
