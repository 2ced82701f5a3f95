/** Sandboxes of the docker driver: idle containers in which tasks are executed. */
import { randomBytes } from 'node:crypto'
import * as v from 'valibot'
import { Fault } from '../../../../contract/fault.ts'
import type { PlaceSpec, TaskEnd, TaskId, TaskSinks, TaskSpec } from '../driver-interface.ts'
import { kindOf, makeFolders } from './write-into-container.ts'
import { StartFailure } from '../task-start-failure.ts'
import {
  envOf,
  type Inspected,
  inspectContainer,
  listContainers,
  removeContainer,
  startContainer,
} from './container-api-calls.ts'
import { DaemonError } from './daemon-client.ts'
import { endExec } from './stop-task-in-sandbox.ts'
import { type FollowOptions, sleepUntil } from './follow-container.ts'
import { readFrames } from './demultiplex-output.ts'
import type { Labels } from './ownership-labels.ts'
import { createOutput, type Output, SinkFailed } from './container-output.ts'
import { OWN_FOLDER, workingFolder } from './container-paths.ts'
import { createPlace, type Places } from './create-task-container.ts'

/** A sandbox sleeps between its tasks: for some 68 years. */
const IDLE = ['sleep', '2147483647'] as const
/** The variable by which a task in a sandbox is found when it has to be stopped. */
const MARK = 'FOB_TASK'
const KILLED = 137

const execCreated = v.looseObject({ Id: v.string() })
const execState = v.looseObject({ Running: v.boolean(), ExitCode: v.nullish(v.number()) })

export interface SandboxesOptions extends Places, FollowOptions {
  labels: Labels
}

/** Idle containers, and the tasks that are executed in them. */
export interface Sandboxes {
  open(spec: PlaceSpec, signal: AbortSignal): Promise<void>
  has(sandbox: TaskId): Promise<boolean>
  close(sandbox: TaskId): Promise<void>
  exec(spec: TaskSpec & { sandbox: number }, sinks: TaskSinks, signal: AbortSignal): Promise<TaskEnd>
  /**
   * Stops all tasks that an earlier server started in the sandboxes of the run: their output is not recorded
   * anywhere, so the driver cannot reattach to them.
   */
  endOrphans(runId: string): Promise<void>
  /** The container has been removed, or is being removed. */
  forget(id: string): void
}

export function createSandboxes(options: SandboxesOptions): Sandboxes {
  const { daemon, labels } = options
  /** The daemon's IDs of sandboxes in which no task of an earlier server runs. */
  const cleared = new Map<string, Promise<void>>()

  async function find(sandbox: TaskId): Promise<string | undefined> {
    const [found] = await listContainers(daemon, labels.filters('sandbox', sandbox))
    return found?.id
  }

  async function open(spec: PlaceSpec, signal: AbortSignal): Promise<void> {
    const place = {
      ...spec,
      name: labels.containerName('sandbox', spec),
      command: IDLE,
      user: undefined,
      workingDir: OWN_FOLDER,
      hasStdin: false,
      labels: () => Promise.resolve(labels.of('sandbox', spec.runId, spec.number)),
    }
    try {
      const id = await createPlace(options, place, () => {}, signal)
      cleared.set(id, Promise.resolve())
      await startContainer(daemon, id)
    } catch (error) {
      throw error instanceof StartFailure ? new Fault('failed', error.message) : error
    }
  }

  /** Only a restart stops, without its help, what runs in a container besides its first process. */
  async function clear(id: string): Promise<void> {
    const clearing = cleared.get(id) ?? restart(id)
    cleared.set(id, clearing)
    await clearing
  }

  async function restart(id: string): Promise<void> {
    const state = await inspectContainer(daemon, id)
    if (state === undefined || (state.State.Running && (state.ExecIDs ?? []).length === 0)) return
    await daemon.send({ method: 'POST', path: `/containers/${id}/restart`, query: { t: 0 } })
  }

  async function exec(
    spec: TaskSpec & { sandbox: number },
    sinks: TaskSinks,
    signal: AbortSignal,
  ): Promise<TaskEnd> {
    const id = await find({ runId: spec.runId, number: spec.sandbox })
    if (id === undefined) throw new Fault('failed', `the run has no sandbox ${spec.sandbox}`)
    await clear(id)
    const output = createOutput(sinks, { stdout: 0, stderr: 0 })
    try {
      if (signal.aborted) return { status: 'abort', code: KILLED }
      return await perform(id, spec, output, signal)
    } catch (error) {
      if (error instanceof SinkFailed) throw error.cause
      if (!(error instanceof StartFailure)) throw error
      await sinks.stderr(new TextEncoder().encode(`${error.message}\n`))
      return { status: 'error', code: error.code }
    }
  }

  async function perform(id: string, spec: TaskSpec, output: Output, signal: AbortSignal): Promise<TaskEnd> {
    const { clock } = options
    const mark = `${spec.number}-${randomBytes(8).toString('hex')}`
    const execId = await createExec(id, spec, mark)
    const stream = await daemon.hijack({
      method: 'POST',
      path: `/exec/${execId}/start`,
      body: { Detach: false, Tty: false },
    })
    void stream.input(new TextEncoder().encode(spec.stdin ?? ''))
    const ending = new AbortController()
    const end = () => ending.abort()
    const reading = drain(stream.output, output)
    const ended = reading.then(nothing, end)
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
    try {
      const target = { id, execId, mark: `${MARK}=${mark}`, user: spec.command.user }
      const timer = spec.timeoutMs === undefined ? undefined : sleepUntil(clock, spec.timeoutMs, end, ended)
      await Promise.all([endExec(options, target, ending.signal, ended), timer])
      await reading
      return await conclude(execId, output, ending.signal.aborted)
    } finally {
      signal.removeEventListener('abort', end)
      stream.close()
    }
  }

  async function createExec(id: string, spec: TaskSpec, mark: string): Promise<string> {
    const { path, args, user } = spec.command
    const workingDir = workingFolder(spec.workDir)
    if (spec.workDir !== undefined) await makeMissing(id, workingDir)
    const body = {
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      Tty: false,
      Cmd: [path, ...args],
      WorkingDir: workingDir,
      ...(user === undefined ? {} : { User: user }),
    }
    try {
      const path = `/containers/${id}/exec`
      const env = [...envOf(spec.env), `${MARK}=${mark}`]
      return (await daemon.json({ method: 'POST', path, body: { ...body, Env: env } }, execCreated)).Id
    } catch (error) {
      if (!(error instanceof DaemonError)) throw error
      const why = await whyNot(id)
      throw new StartFailure(125, why ?? `the daemon refused the task: ${error.message}`)
    }
  }

  /** As the daemon does for the working folder of a container. */
  async function makeMissing(id: string, folder: string): Promise<void> {
    const steps = folder.split('/').filter((step) => step !== '')
    const all = steps.map((_, index) => `/${steps.slice(0, index + 1).join('/')}`)
    const kinds = await Promise.all(all.map((path) => kindOf(daemon, id, path)))
    await makeFolders(
      daemon,
      id,
      all.filter((_, index) => kinds[index] === undefined),
    )
  }

  async function whyNot(id: string): Promise<string | undefined> {
    const state = await inspectContainer(daemon, id)
    if (state === undefined) return 'the sandbox has been closed'
    if (state.State.Running) return undefined
    if (state.State.ExitCode === 127) return `the image has no ${IDLE[0]}, which a sandbox needs`
    return `the sandbox has ended: ${describe(state)}`
  }

  async function conclude(execId: string, output: Output, isAborted: boolean): Promise<TaskEnd> {
    const exit = await exitCode(execId)
    const { hasBegun, code } = await output.end(exit ?? KILLED)
    if (isAborted || exit === undefined) return { status: 'abort', code }
    if (!hasBegun) return { status: 'error', code }
    return { status: code === 0 ? 'success' : 'failure', code }
  }

  /** Undefined when the sandbox has been removed meanwhile. */
  async function exitCode(execId: string): Promise<number | undefined> {
    try {
      const state = await daemon.json({ method: 'GET', path: `/exec/${execId}/json` }, execState)
      return state.ExitCode ?? undefined
    } catch (error) {
      if (error instanceof DaemonError) return undefined
      throw error
    }
  }

  async function endOrphans(runId: string): Promise<void> {
    const all = await listContainers(daemon, labels.filters('sandbox', { runId }))
    for (const { id } of all) await clear(id)
  }

  return {
    open,
    exec,
    endOrphans,
    has: async (sandbox) => {
      const id = await find(sandbox)
      if (id !== undefined) await clear(id)
      return id !== undefined
    },
    close: async (sandbox) => {
      const id = await find(sandbox)
      if (id === undefined) return
      cleared.delete(id)
      await removeContainer(daemon, id)
    },
    forget: (id) => void cleared.delete(id),
  }
}

async function drain(chunks: AsyncIterable<Uint8Array>, output: Output): Promise<void> {
  for await (const piece of readFrames(chunks)) await output.take(piece)
}

function describe({ State }: Inspected): string {
  return State.OOMKilled ? 'it ran out of memory' : `exit code ${State.ExitCode}`
}

function nothing(): void {}
