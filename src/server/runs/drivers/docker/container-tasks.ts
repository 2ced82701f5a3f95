/** Tasks of the docker driver, each in a container of its own: run, reattach, stop. */
import { Fault } from '../../../../contract/fault.ts'
import type { TaskEnd, TaskId, TaskSinks, TaskSpec } from '../driver-interface.ts'
import { StartFailure } from '../task-start-failure.ts'
import {
  inspectContainer,
  type Inspected,
  listContainers,
  removeContainer,
  startContainer,
  waitForContainer,
} from './container-api-calls.ts'
import { endWhen, follow, type FollowOptions, sleepUntil } from './follow-container.ts'
import type { Hijacked } from './hijacked-connection.ts'
import { LABEL, type Labels } from './ownership-labels.ts'
import { createOutput, type Output, SinkFailed } from './container-output.ts'
import { workingFolder } from './container-paths.ts'
import { createPlace, type Places } from './create-task-container.ts'

/** The exit code of a shell for a program that TERM has ended. */
const TERMINATED = 143
const MIB = 1024 * 1024

export interface TasksOptions extends Places, FollowOptions {
  labels: Labels
  /** Removes the container of a finished task, once its end has surely been recorded. */
  removeLater(id: string): void
}

/** Tasks in containers of their own. */
export interface Tasks {
  run(spec: TaskSpec, sinks: TaskSinks, signal: AbortSignal): Promise<TaskEnd>
  /** Undefined when there is no container of it that was ever started. */
  reattach(task: TaskId, sinks: TaskSinks, signal: AbortSignal): Promise<TaskEnd | undefined>
}

interface Going {
  id: string
  output: Output
  /** Milliseconds since 1970. */
  deadline: number | undefined
  attached: Hijacked | undefined
}

export function createTasks(options: TasksOptions): Tasks {
  const { daemon, clock, labels, removeLater } = options

  async function run(spec: TaskSpec, sinks: TaskSinks, signal: AbortSignal): Promise<TaskEnd> {
    const output = createOutput(sinks, { stdout: 0, stderr: 0 })
    let going: Going | undefined
    try {
      going = await begin(spec, output, signal)
    } catch (error) {
      if (error instanceof SinkFailed) throw error.cause
      if (error instanceof StartFailure) {
        await sinks.stderr(new TextEncoder().encode(`${error.message}\n`))
        return { status: 'error', code: error.code }
      }
      if (!signal.aborted || error instanceof Fault) throw error
    }
    return going === undefined ? { status: 'abort', code: TERMINATED } : await toEnd(going, signal)
  }

  /** @returns the started task; undefined when it was stopped before it started */
  async function begin(spec: TaskSpec, output: Output, signal: AbortSignal): Promise<Going | undefined> {
    signal.throwIfAborted()
    const { deadline, id } = await create(spec, output, signal)
    let attached: Hijacked | undefined
    try {
      const query = { stream: true, stdout: true, stderr: true, stdin: spec.stdin !== undefined }
      attached = await daemon.hijack({ method: 'POST', path: `/containers/${id}/attach`, query })
      signal.throwIfAborted()
      await startContainer(daemon, id)
    } catch (error) {
      attached?.close()
      await removeContainer(daemon, id)
      throw error
    }
    if (spec.stdin !== undefined) void attached.input(new TextEncoder().encode(spec.stdin))
    return { id, output, deadline, attached }
  }

  async function create(spec: TaskSpec, output: Output, signal: AbortSignal) {
    const { path, args, user } = spec.command
    let deadline: number | undefined
    let preface = ''
    let said = Promise.resolve()
    const say = (line: string) => {
      preface += `${line}\n`
      said = said.then(() => output.say(`${line}\n`))
      said.catch(() => {})
    }
    const place = {
      ...spec,
      name: labels.containerName('task', spec),
      command: [path, ...args] as const,
      user,
      workingDir: workingFolder(spec.workDir),
      hasStdin: spec.stdin !== undefined,
      labels: async () => {
        await said
        if (spec.timeoutMs !== undefined) deadline = clock.now() + spec.timeoutMs
        return {
          ...labels.of('task', spec.runId, spec.number),
          ...(deadline === undefined
            ? {}
            : { [LABEL.deadline]: String(deadline), [LABEL.timeout]: String(spec.timeoutMs) }),
          ...(preface === '' ? {} : { [LABEL.preface]: preface }),
        }
      },
    }
    try {
      const id = await createPlace(options, place, say, signal)
      return { id, deadline }
    } finally {
      // What follows on stderr comes after it.
      await said.catch(nothing)
    }
  }

  async function reattach(task: TaskId, sinks: TaskSinks, signal: AbortSignal): Promise<TaskEnd | undefined> {
    const [found] = await listContainers(daemon, labels.filters('task', task))
    const state = found === undefined ? undefined : await inspectContainer(daemon, found.id)
    if (state === undefined) return undefined
    const { Id: id, State: container } = state
    if (!container.Running && container.Status !== 'exited') {
      await removeContainer(daemon, id)
      return undefined
    }
    const output = createOutput(sinks, sinks.stored())
    const { [LABEL.preface]: preface, [LABEL.deadline]: deadline } = state.Config.Labels ?? {}
    if (preface !== undefined) await output.say(preface)
    const until = deadline === undefined ? undefined : Number(deadline)
    return await toEnd({ id, output, deadline: until, attached: undefined }, signal)
  }

  /** Follows a started task to its end, whether this server or an earlier one started it. */
  async function toEnd({ id, output, deadline, attached }: Going, signal: AbortSignal): Promise<TaskEnd> {
    const ending = new AbortController()
    const end = () => ending.abort()
    const following = follow(options, id, output, attached?.output)
    const ended = following.then(nothing, async (error: unknown) => {
      if (!(error instanceof SinkFailed)) return
      // Without its output nobody would see what it does.
      attached?.close()
      end()
      await waitForContainer(daemon, id).catch(nothing)
    })
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
    try {
      await Promise.all([
        endWhen(options, id, ending.signal, ended),
        deadline === undefined ? undefined : sleepUntil(clock, deadline - clock.now(), end, ended),
      ])
      const state = await following
      return await conclude(state, output, ending.signal.aborted || wasLate(state))
    } catch (error) {
      throw error instanceof SinkFailed ? error.cause : error
    } finally {
      signal.removeEventListener('abort', end)
      attached?.close()
      removeLater(id)
    }
  }

  return { run, reattach }
}

/** Whether it exceeded its time limit while no server could stop it. By the clock of the daemon alone. */
function wasLate({ State, Config }: Inspected): boolean {
  const timeoutMs = Number(Config.Labels?.[LABEL.timeout] ?? Infinity)
  return Date.parse(State.FinishedAt) - Date.parse(State.StartedAt) >= timeoutMs
}

async function conclude(state: Inspected, output: Output, isAborted: boolean): Promise<TaskEnd> {
  const { ExitCode, OOMKilled } = state.State
  const { hasBegun, code } = await output.end(ExitCode)
  const { Memory } = state.HostConfig
  if (OOMKilled && code !== 0) {
    const limit = Memory > 0 ? `: its limit is ${Number((Memory / MIB).toFixed(1))} MiB` : ''
    await output.say(`the task ran out of memory${limit}\n`)
  }
  if (isAborted) return { status: 'abort', code }
  if (!hasBegun) return { status: 'error', code }
  return { status: code === 0 ? 'success' : 'failure', code }
}

function nothing(): void {}
