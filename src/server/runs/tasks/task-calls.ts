/** The host calls that run tasks: `runtime.run` and `sandbox.exec`. */
import { Fault } from '../../../contract/fault.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Redactor } from '../../../redact/redactor.ts'
import type { HostCalls } from '../host-call-type.ts'
import type { Driver, TaskEnd, TaskSinks, TaskSpec } from '../drivers/driver-interface.ts'
import { resolveEnvironment } from './task-environment.ts'
import type { RunJournal } from '../journal/run-journal-type.ts'
import type { Limiter } from '../concurrency-limiter.ts'
import { type Tail, tailOf } from '../log/redact-and-store-output.ts'
import type { TaskRow } from '../journal/read-run-records.ts'
import { parseExec, parseTaskRequest, type TaskRequest } from './parse-task-and-sandbox-requests.ts'
import { createVolumes, requireSandbox } from './sandbox-and-volume-calls.ts'
import { openTaskOutput, type TaskName, type TaskOutput } from './task-output.ts'

/** Each is a record, a folder and a process: a script in a loop must not fill the server with them. */
const MAX_TASKS = 1000

/** How often a task is started when the process that runs it is killed: a task that does so itself must not run for ever. */
const MAX_ATTEMPTS = 3

/** What `runtime.run` gives the script. Both texts have been through the redactor. */
interface TaskResult {
  code: number
  stdout: string
  stderr: string
  status: 'success' | 'failure' | 'abort' | 'error'
  /** RFC 3339, UTC. */
  startedAt: string
  endedAt: string
  /** True when a stream had more output than its last 1 MiB, which is given here. */
  truncated: boolean
}

interface TasksOptions {
  runId: string
  driver: Driver
  clock: Clock
  journal: RunJournal
  redactor: Redactor
  limiter: Limiter
  /** Added to the number of a call, it is the number of the task. */
  firstNumber: number
  /** Tasks that an earlier server has started in this attempt, by number. */
  startedBefore: ReadonlyMap<number, TaskRow>
  /** The end of what the log has of such a task. */
  readTail(task: { number: number; stream: 'stdout' | 'stderr' }): string
  /** Stops all tasks. */
  signal: AbortSignal
  /** Turns `secret:` references into values, which the redactor then knows. */
  resolve(value: unknown): Promise<unknown>
  /** The keys of secrets that were changed since: the redactor does not know the value that a task was given before. */
  changedSince(at: number): Promise<string[]>
  /** Ends the run: a task cannot be run as asked, or its output cannot be stored. */
  fail(error: unknown): void
}

/** A task as the script asked for it, before its secrets are resolved. */
interface RequestedTask {
  name: string
  env: unknown
  /** All else. */
  spec: Omit<TaskSpec, 'runId' | 'number' | 'env'>
}

/** The calls reject for a wrong request, never for how the task ends. */
export function createTaskCalls(options: TasksOptions): HostCalls {
  const { runId, driver, journal, redactor, limiter, signal } = options
  let count = options.startedBefore.size

  async function run(asked: RequestedTask, call: number): Promise<TaskResult> {
    driver.refuse(asked.spec)
    const number = options.firstNumber + call
    const known = options.startedBefore.get(number)
    if (!known && count >= MAX_TASKS) throw new Fault('usage', `a run has at most ${MAX_TASKS} tasks`)
    if (!known) count += 1
    try {
      return await runOrReattach(asked, number, known)
    } catch (error) {
      options.fail(error)
      throw error
    }
  }

  async function runOrReattach(
    asked: RequestedTask,
    number: number,
    known: TaskRow | undefined,
  ): Promise<TaskResult> {
    // The end of the task was recorded, but the response to the call was not.
    if (known && known.status !== 'running') return resultOf(known)
    // First: where a secret is not set, nothing of the task exists.
    const env = await resolveEnvironment(asked.env, options.resolve)
    await createVolumes(driver, runId, asked.spec.mounts)
    const spec = { ...asked.spec, runId, number, env }
    // Redacted after the secrets are resolved, and once: all events of a task carry the same name.
    const name = known?.name ?? redactor.text(asked.name)
    return await limiter.run(() => (known ? reattach(spec, known) : perform(spec, name)), signal)
  }

  async function perform(spec: TaskSpec, name: string, attempt = 1): Promise<TaskResult> {
    const { number } = spec
    const startedAt = await journal.taskStarted({ number, name })
    const output = openTaskOutput(options, { number, name })
    const end = await driver.run(spec, output.sinks, signal)
    if (end) return await conclude({ number, name, startedAt, timeoutMs: spec.timeoutMs }, output, end)
    await output.end()
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

  /** A line of the server in the log of the task. */
  async function note({ number, name }: TaskName, text: string): Promise<void> {
    await journal.log([{ task: name, number, stream: 'stderr', data: `${text}\n` }])
  }

  /** Continues a task where the server before has left it; where nothing is left of it, it is run again. */
  async function reattach(spec: TaskSpec, known: TaskRow): Promise<TaskResult> {
    const { number, name } = known
    const output = openTaskOutput(options, known, {
      stdout: { bytes: known.stdoutBytes, tail: options.readTail({ number, stream: 'stdout' }) },
      stderr: { bytes: known.stderrBytes, tail: options.readTail({ number, stream: 'stderr' }) },
    })
    const sinks = await withholdUnredactable(known, output.sinks)
    const end = await driver.reattach({ runId, number }, sinks, signal)
    const { startedAt } = known
    if (end) return await conclude({ number, name, startedAt, timeoutMs: spec.timeoutMs }, output, end)
    signal.throwIfAborted()
    if (known.stdoutBytes + known.stderrBytes > 0) {
      await note(known, 'the server was started anew while this task ran: it is run again from its beginning')
    }
    return await perform(spec, name)
  }

  /**
   * Where a secret was changed while a task ran without a server, the task has the old value, which the redactor
   * does not know. So the rest of its output is not stored.
   */
  async function withholdUnredactable(
    { number, name, startedAt }: TaskRow,
    sinks: TaskSinks,
  ): Promise<TaskSinks> {
    const [key] = await options.changedSince(startedAt)
    if (key === undefined) return sinks
    await note(
      { number, name },
      `the rest is not shown: the secret ${key} was set anew while the server was away`,
    )
    return { ...sinks, stdout: async () => {}, stderr: async () => {} }
  }

  async function conclude(
    { number, name, startedAt, timeoutMs }: TaskName & { startedAt: number; timeoutMs: number | undefined },
    output: TaskOutput,
    end: TaskEnd,
  ): Promise<TaskResult> {
    await output.end()
    // Nothing else tells a time-out from a stop. Logged before the end of the task, which is its last event.
    if (end.status === 'abort' && timeoutMs !== undefined && options.clock.now() - startedAt >= timeoutMs) {
      await note({ number, name }, `the task ran out of time: its timeout is ${timeoutMs / 1000} s`)
    }
    const endedAt = await journal.taskEnded({ number, name, ...end })
    return toResult({ ...end, startedAt, endedAt }, output.tails())
  }

  /** The result of a task that has ended, from the record. */
  function resultOf(task: TaskRow): TaskResult {
    const read = (stream: 'stdout' | 'stderr') => tailOf(options.readTail({ number: task.number, stream }))
    const { status, code, startedAt, endedAt } = task
    const end = { status: status === 'running' ? 'abort' : status, code: code ?? 1, startedAt }
    return toResult(
      { ...end, endedAt: endedAt ?? startedAt },
      { stdout: read('stdout'), stderr: read('stderr') },
    )
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

function toSpec({
  command,
  workDir,
  stdin,
  timeout,
}: Pick<TaskRequest, 'command' | 'workDir' | 'stdin' | 'timeout'>) {
  return { command, workDir, stdin, timeoutMs: timeout }
}

interface Instants {
  startedAt: number
  endedAt: number
}

function toResult(
  { status, code, startedAt, endedAt }: TaskEnd & Instants,
  { stdout, stderr }: { stdout: Tail; stderr: Tail },
): TaskResult {
  return {
    status,
    code,
    stdout: stdout.text,
    stderr: stderr.text,
    startedAt: new Date(startedAt).toISOString(),
    endedAt: new Date(endedAt).toISOString(),
    truncated: stdout.truncated || stderr.truncated,
  }
}
