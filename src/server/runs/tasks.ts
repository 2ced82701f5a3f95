import * as v from 'valibot'
import { Fault } from '../../contract/fault.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Redactor } from '../../redact/redactor.ts'
import { Secret } from '../../redact/secret.ts'
import type { Driver, TaskSpec } from './drivers/driver.ts'
import type { RunJournal } from './journal.ts'
import type { Limiter } from './limiter.ts'
import { createOutput, type Output } from './output.ts'
import { parseTaskRequest, type TaskRequest } from './request.ts'

/** Each is a record, a folder and a process: a script in a loop must not fill the server with them. */
const MAX_TASKS = 1000

/** What `runtime.run` gives the script (contract §6). Both texts have been through the redactor. */
export interface TaskResult {
  code: number
  stdout: string
  stderr: string
  status: 'success' | 'failure' | 'abort' | 'error'
  /** RFC 3339, UTC. */
  startedAt: string
  endedAt: string
  /** True when there was more output than the 1 MiB of each stream, its end, that is given here. */
  truncated: boolean
}

export interface TasksOptions {
  runId: string
  driver: Driver
  journal: RunJournal
  redactor: Redactor
  clock: Clock
  limiter: Limiter
  /** Ends all tasks. */
  signal: AbortSignal
  /** Turns `secret:` references into values, which the redactor then knows. */
  resolve(value: unknown): Promise<unknown>
  /** Ends the run: a task that cannot be had as asked, or whose output cannot be kept. */
  fail(error: unknown): void
}

export interface Tasks {
  /** `runtime.run`: rejects for a wrong request, never for how the task ends. */
  run(params: unknown): Promise<TaskResult>
  /** Resolves when no task is left. */
  settled(): Promise<void>
}

const environment = v.record(v.string(), v.union([v.instance(Secret), v.string(), v.number(), v.boolean()]))

/** The environment of a process is text, and a NUL ends it. */
function printable(variable: string, value: Secret): Secret {
  if (value.bytes().includes(0)) throw new Fault('failed', `the value of env.${variable} contains a NUL`)
  if (!value.isText) throw new Fault('failed', `the value of env.${variable} is not text`)
  return value
}

/** The tasks of one run. */
export function createTasks(options: TasksOptions): Tasks {
  const { runId, driver, journal, redactor, clock, limiter, signal } = options
  const running = new Set<Promise<unknown>>()
  let count = 0

  async function run(params: unknown): Promise<TaskResult> {
    const request = parseTaskRequest(params)
    driver.refuse(request)
    if (count >= MAX_TASKS) throw new Fault('usage', `a run has at most ${MAX_TASKS} tasks`)
    const number = ++count
    const work = begin(number, request)
    running.add(work)
    try {
      return await work
    } catch (error) {
      options.fail(error)
      throw error
    } finally {
      running.delete(work)
    }
  }

  async function begin(number: number, request: TaskRequest): Promise<TaskResult> {
    const spec = await toSpec(number, request)
    // After the secrets are known, and once: all events of a task carry the same name.
    const name = redactor.text(request.name)
    return await limiter.run(() => perform(spec, name), signal)
  }

  async function toSpec(number: number, request: TaskRequest): Promise<TaskSpec> {
    const env: Record<string, string | Secret> = {}
    for (const [key, value] of Object.entries(v.parse(environment, await options.resolve(request.env)))) {
      env[key] = value instanceof Secret ? printable(key, value) : String(value)
    }
    const { image, command, workDir, stdin, timeout: timeoutMs, mounts, limits } = request
    return { runId, number, image, command, env, workDir, stdin, timeoutMs, mounts, limits }
  }

  async function perform(spec: TaskSpec, name: string): Promise<TaskResult> {
    const { number } = spec
    await journal.taskStarted({ number, name })
    const startedAt = new Date(clock.now()).toISOString()
    const output = (stream: 'stdout' | 'stderr'): Output =>
      createOutput(redactor.stream(name), (data) => journal.log({ task: name, stream, data }))
    const stdout = output('stdout')
    const stderr = output('stderr')
    const end = await driver.run(spec, { stdout: stdout.write, stderr: stderr.write }, signal)
    await stdout.end()
    await stderr.end()
    await journal.taskEnded({ number, name, ...end })
    const out = stdout.tail()
    const err = stderr.tail()
    return {
      ...end,
      stdout: out.text,
      stderr: err.text,
      startedAt,
      endedAt: new Date(clock.now()).toISOString(),
      truncated: out.truncated || err.truncated,
    }
  }

  async function settled(): Promise<void> {
    while (running.size > 0) await Promise.allSettled(running)
  }

  return { run, settled }
}
