import { Fault } from '../../contract/fault.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Redactor } from '../../redact/redactor.ts'
import type { HostCalls } from './calls.ts'
import type { Driver, TaskSpec } from './drivers/driver.ts'
import { resolveEnvironment } from './environment.ts'
import type { RunJournal } from './journal.ts'
import type { Limiter } from './limiter.ts'
import { createOutput, type Output } from './output.ts'
import { parseExec, parseTaskRequest, type TaskRequest } from './request.ts'
import { makeVolumes, requireSandbox } from './sandboxes.ts'

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
  /** Added to a call's number, it is the task's. */
  firstNumber: number
  /** Ends all tasks. */
  signal: AbortSignal
  /** Turns `secret:` references into values, which the redactor then knows. */
  resolve(value: unknown): Promise<unknown>
  /** Ends the run: a task that cannot be had as asked, or whose output cannot be kept. */
  fail(error: unknown): void
}

/** A task as asked for, before its secrets are known. */
interface Asked {
  name: string
  env: unknown
  /** All else. */
  spec: Omit<TaskSpec, 'runId' | 'number' | 'env'>
}

/** `runtime.run` and `sandbox.exec`: they reject for a wrong request, never for how the task ends. */
export function createTaskCalls(options: TasksOptions): HostCalls {
  const { runId, driver, journal, redactor, clock, limiter, signal } = options
  let count = 0

  async function run(asked: Asked, call: number): Promise<TaskResult> {
    driver.refuse(asked.spec)
    if (count >= MAX_TASKS) throw new Fault('usage', `a run has at most ${MAX_TASKS} tasks`)
    count += 1
    try {
      return await begin(asked, options.firstNumber + call)
    } catch (error) {
      options.fail(error)
      throw error
    }
  }

  async function begin(asked: Asked, number: number): Promise<TaskResult> {
    await makeVolumes(driver, runId, asked.spec.mounts)
    const env = await resolveEnvironment(asked.env, options.resolve)
    const spec = { ...asked.spec, runId, number, env }
    // After the secrets are known, and once: all events of a task carry the same name.
    const name = redactor.text(asked.name)
    return await limiter.run(() => perform(spec, name), signal)
  }

  async function perform(spec: TaskSpec, name: string): Promise<TaskResult> {
    const { number } = spec
    await journal.taskStarted({ number, name })
    const startedAt = new Date(clock.now()).toISOString()
    const output = (stream: 'stdout' | 'stderr'): Output =>
      createOutput(redactor.stream(name), (data) => journal.log({ task: name, stream, data }))
    const stdout = output('stdout')
    const stderr = output('stderr')
    const sinks = { stdout: stdout.write, stderr: stderr.write, stored: () => ({ stdout: 0, stderr: 0 }) }
    const end = await driver.run(spec, sinks, signal)
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

  async function exec(params: unknown, call: number): Promise<TaskResult> {
    const { id, name, env, ...request } = parseExec(params)
    await requireSandbox(driver, runId, id)
    const spec = { ...toSpec(request), mounts: [], limits: {}, sandbox: id }
    return await run({ name, env, spec }, call)
  }

  return {
    'runtime.run': (params, { number }) => {
      const { name, env, image, mounts, limits, ...request } = parseTaskRequest(params)
      return run({ name, env, spec: { ...toSpec(request), image, mounts, limits } }, number)
    },
    'sandbox.exec': (params, { number }) => exec(params, number),
  }
}

function toSpec({ timeout, ...request }: Pick<TaskRequest, 'command' | 'workDir' | 'stdin' | 'timeout'>) {
  return { ...request, timeoutMs: timeout }
}
