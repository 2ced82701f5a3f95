import { Fault } from '../../../contract/fault.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Redactor } from '../../../redact/redactor.ts'
import type { HostCalls } from '../host-calls.ts'
import type { Driver, TaskEnd, TaskSinks, TaskSpec } from '../drivers/driver.ts'
import { resolveEnvironment } from './task-environment.ts'
import type { RunJournal } from '../journal/journal.ts'
import type { Limiter } from '../concurrency-limiter.ts'
import { type Before, createOutput, type Output, type Tail, tailOf } from '../log/redacted-output.ts'
import type { TaskRow } from '../journal/run-records.ts'
import { parseExec, parseTaskRequest, type TaskRequest } from './parse-task-request.ts'
import { makeVolumes, requireSandbox } from './sandbox-calls.ts'

/** Each is a record, a folder and a process: a script in a loop must not fill the server with them. */
const MAX_TASKS = 1000

/** How often a task is begun when what runs it is killed: one that does so itself does not go on for ever. */
const MAX_ATTEMPTS = 3

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
  clock: Clock
  journal: RunJournal
  redactor: Redactor
  limiter: Limiter
  /** Added to a call's number, it is the task's. */
  firstNumber: number
  /** Tasks that were begun before, by a server that has died since. */
  begun: ReadonlyMap<number, TaskRow>
  /** The last of what the log has of such a task. */
  readTail(task: { number: number; stream: 'stdout' | 'stderr' }): string
  /** Ends all tasks. */
  signal: AbortSignal
  /** Turns `secret:` references into values, which the redactor then knows. */
  resolve(value: unknown): Promise<unknown>
  /** The keys of secrets that were set anew since: what a task was given then, the redactor does not know. */
  changedSince(at: number): Promise<string[]>
  /** Ends the run: a task that cannot be had as asked, or whose output cannot be kept. */
  fail(error: unknown): void
}

type TaskName = Pick<TaskRow, 'number' | 'name'>

interface Outputs {
  stdout: Output
  stderr: Output
  sinks: TaskSinks
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
  const { runId, driver, journal, redactor, limiter, signal } = options
  let count = options.begun.size

  async function run(asked: Asked, call: number): Promise<TaskResult> {
    driver.refuse(asked.spec)
    const number = options.firstNumber + call
    const known = options.begun.get(number)
    if (!known && count >= MAX_TASKS) throw new Fault('usage', `a run has at most ${MAX_TASKS} tasks`)
    if (!known) count += 1
    try {
      return await begin(asked, number, known)
    } catch (error) {
      options.fail(error)
      throw error
    }
  }

  async function begin(asked: Asked, number: number, known: TaskRow | undefined): Promise<TaskResult> {
    // Its end was recorded, and only its answer was not.
    if (known && known.status !== 'running') return resultOf(known)
    await makeVolumes(driver, runId, asked.spec.mounts)
    const env = await resolveEnvironment(asked.env, options.resolve)
    const spec = { ...asked.spec, runId, number, env }
    // After the secrets are known, and once: all events of a task carry the same name.
    const name = known?.name ?? redactor.text(asked.name)
    return await limiter.run(() => (known ? reattach(spec, known) : perform(spec, name)), signal)
  }

  async function perform(spec: TaskSpec, name: string, attempt = 1): Promise<TaskResult> {
    const { number } = spec
    const startedAt = await journal.taskStarted({ number, name })
    const outputs = openOutputs({ number, name })
    const end = await driver.run(spec, outputs.sinks, signal)
    if (end) return await conclude({ number, name, startedAt, timeoutMs: spec.timeoutMs }, outputs, end)
    await outputs.stdout.end()
    await outputs.stderr.end()
    signal.throwIfAborted()
    if (attempt === MAX_ATTEMPTS) {
      throw new Fault('failed', `the process that ran ${name} was killed ${MAX_ATTEMPTS} times`)
    }
    await note(
      { number, name },
      'the process that ran this task was killed: it is run again from its beginning',
    )
    return await perform(spec, name, attempt + 1)
  }

  /** A line of ours in the task's log. */
  async function note({ number, name }: TaskName, text: string): Promise<void> {
    await journal.log([{ task: name, number, stream: 'stderr', data: `${text}\n` }])
  }

  /** Goes on with a task where the server before has left it; where nothing is left of it, it is run again. */
  async function reattach(spec: TaskSpec, known: TaskRow): Promise<TaskResult> {
    const { number, name } = known
    const outputs = openOutputs(known, {
      stdout: { bytes: known.stdoutBytes, tail: options.readTail({ number, stream: 'stdout' }) },
      stderr: { bytes: known.stderrBytes, tail: options.readTail({ number, stream: 'stderr' }) },
    })
    const sinks = await withheld(known, outputs.sinks)
    const end = await driver.reattach({ runId, number }, sinks, signal)
    const { startedAt } = known
    if (end) return await conclude({ number, name, startedAt, timeoutMs: spec.timeoutMs }, outputs, end)
    signal.throwIfAborted()
    if (known.stdoutBytes + known.stderrBytes > 0) {
      await note(known, 'the server was started anew while this task ran: it is run again from its beginning')
    }
    return await perform(spec, name)
  }

  /**
   * A secret that was set anew while a task ran and nobody listened: the task has the old value, which nobody
   * knows any more and which could not be kept out of the log. So the rest of its output is.
   */
  async function withheld({ number, name, startedAt }: TaskRow, sinks: TaskSinks): Promise<TaskSinks> {
    const [key] = await options.changedSince(startedAt)
    if (key === undefined) return sinks
    await note(
      { number, name },
      `the rest is not shown: the secret ${key} was set anew while the server was away`,
    )
    return { ...sinks, stdout: async () => {}, stderr: async () => {} }
  }

  function openOutputs({ number, name }: TaskName, before?: { stdout: Before; stderr: Before }): Outputs {
    const open = (stream: 'stdout' | 'stderr') =>
      createOutput(
        redactor.stream(name),
        (pieces, bytes) =>
          journal.log(
            pieces.map((data) => ({ task: name, number, stream, data })),
            { number, stream, bytes },
          ),
        before?.[stream],
      )
    const [stdout, stderr] = [open('stdout'), open('stderr')]
    const sinks = { stdout: stdout.write, stderr: stderr.write, stored: () => journal.stored(number) }
    return { stdout, stderr, sinks }
  }

  async function conclude(
    { number, name, startedAt, timeoutMs }: TaskName & { startedAt: number; timeoutMs: number | undefined },
    { stdout, stderr }: Outputs,
    end: TaskEnd,
  ): Promise<TaskResult> {
    await stdout.end()
    await stderr.end()
    // Nothing else tells it from one that was stopped. Said before the end, behind which a task says nothing.
    if (end.status === 'abort' && timeoutMs !== undefined && options.clock.now() - startedAt >= timeoutMs) {
      await note({ number, name }, `the task ran out of time: its timeout is ${timeoutMs / 1000} s`)
    }
    const endedAt = await journal.taskEnded({ number, name, ...end })
    return toResult({ ...end, startedAt, endedAt }, stdout.tail(), stderr.tail())
  }

  /** Of a task that has ended, from the record. */
  function resultOf(task: TaskRow): TaskResult {
    const read = (stream: 'stdout' | 'stderr') => tailOf(options.readTail({ number: task.number, stream }))
    const { status, code, startedAt, endedAt } = task
    const end = { status: status === 'running' ? 'abort' : status, code: code ?? 1, startedAt }
    return toResult({ ...end, endedAt: endedAt ?? startedAt }, read('stdout'), read('stderr'))
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

interface Instants {
  startedAt: number
  endedAt: number
}

function toResult(
  { status, code, startedAt, endedAt }: TaskEnd & Instants,
  out: Tail,
  err: Tail,
): TaskResult {
  return {
    status,
    code,
    stdout: out.text,
    stderr: err.text,
    startedAt: new Date(startedAt).toISOString(),
    endedAt: new Date(endedAt).toISOString(),
    truncated: out.truncated || err.truncated,
  }
}
