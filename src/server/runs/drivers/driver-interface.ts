/**
 * Owns: the interface of a task driver. A driver starts tasks, passes their output on as it comes, stops them, reattaches
 * to them after a restart of the server, and leaves nothing behind.
 * Refuses: nothing here; each driver refuses, by name, what it cannot do.
 */
import type { Secret } from '../../../redact/secret.ts'

/** A task, or a sandbox: 1, 2, 3 … within its run. */
export interface TaskId {
  runId: string
  number: number
}

/** A volume of the run, seen by a task at `path`: relative to its own folder, or absolute in a container. */
export interface Mount {
  path: string
  /** As given to `createVolume`. */
  volume: string
}

/** The most that a task may use. An absent limit means no limit. */
export interface TaskLimits {
  memoryBytes?: number | undefined
  /** In processors: 0.5 is half of one. */
  cpus?: number | undefined
  processes?: number | undefined
}

/** Where a task runs. */
export interface PlaceSpec extends TaskId {
  image?: string | undefined
  /** The whole environment, besides the variables that the documentation of the driver lists. */
  env: Readonly<Record<string, string | Secret>>
  mounts: readonly Mount[]
  limits: TaskLimits
}

export interface TaskSpec extends PlaceSpec {
  command: { path: string; args: readonly string[]; user?: string | undefined }
  /** Relative to the task's own folder. */
  workDir?: string | undefined
  stdin?: string | undefined
  timeoutMs?: number | undefined
  /** The number of the open sandbox in which it runs; absent: the task has a place of its own. */
  sandbox?: number | undefined
}

/** Bytes of each stream. */
export interface Offsets {
  stdout: number
  stderr: number
}

/** Where output goes. The driver reads on only after a chunk has been accepted. */
export interface TaskSinks {
  stdout: (chunk: Uint8Array) => Promise<void>
  stderr: (chunk: Uint8Array) => Promise<void>
  /**
   * How many bytes of each stream, counted from the start of the task, are stored for good. A driver that buffers
   * output for a later server may drop that much.
   */
  stored(): Offsets
}

export interface TaskEnd {
  /** `error`: it could not be started, and its stderr says why. `abort`: it ran out of time or was stopped. */
  status: 'success' | 'failure' | 'abort' | 'error'
  /** As a shell reports it: 128 + n for signal n, 127 for a missing program, 126 for missing permission. */
  code: number
}

export interface Driver {
  name: string
  /** @throws Fault `failed` that names the driver, for what it cannot do. Called before any secret is resolved. */
  refuse(asked: Partial<Omit<TaskSpec, 'env'>>): void
  /** @throws Fault with a hint when no task could run now. Absent: the driver needs nothing. */
  ready?(signal: AbortSignal): Promise<void>
  /**
   * Runs a task to its end. When `signal` fires, the task is stopped: TERM, then KILL after a grace period.
   * @returns undefined when the process that ran the task was lost, and with it the result: the task is then stopped
   * and removed, and can be run again.
   * @throws what a sink throws, after the task has been stopped.
   */
  run(spec: TaskSpec, sinks: TaskSinks, signal: AbortSignal): Promise<TaskEnd | undefined>
  /**
   * Reattaches to a task that an earlier server started and whose end it did not record, whether the task still runs
   * or has ended since: passes on its output from `sinks.stored()` on, nothing twice, and then its end. Its time limit
   * counts from its own start.
   * @returns undefined when nothing is left of the task, or it is lost as in `run`: it is then stopped and removed,
   * and can be run again.
   */
  reattach(task: TaskId, sinks: TaskSinks, signal: AbortSignal): Promise<TaskEnd | undefined>
  /** Opens a place in which several tasks run, in sequence or at the same time, and share their files. */
  openSandbox(spec: PlaceSpec, signal: AbortSignal): Promise<void>
  /** Whether a sandbox that an earlier server opened is still there. */
  hasSandbox(sandbox: TaskId): Promise<boolean>
  /** Stops what still runs in it. Does nothing when there is no such sandbox. */
  closeSandbox(sandbox: TaskId): Promise<void>
  /** Does nothing when the run has it already. It exists until `cleanUp`. @param volume letters, digits, `.`, `_`, `-` */
  createVolume(runId: string, volume: string): Promise<void>
  /** Copies the content of a folder of this machine into a volume, under `path`: relative, and inside the volume. */
  importFolder(to: VolumePath, folder: string, signal: AbortSignal): Promise<void>
  /** Copies the content of `path` in the volume into an empty folder of this machine. */
  exportFolder(from: VolumePath, folder: string, signal: AbortSignal): Promise<void>
  /**
   * Removes what the tasks of the run have left, with its volumes and sandboxes. Tasks that still run, after the
   * death of an earlier server, are stopped first.
   */
  cleanUp(runId: string): Promise<void>
  /** At the start of a server: removes what is left of all runs except `kept`. */
  sweep(kept: ReadonlySet<string>): Promise<void>
  /** Releases what the driver itself holds. Tasks that still run are left to the next server, where that is possible. */
  close(): Promise<void>
}

export interface VolumePath {
  runId: string
  volume: string
  path: string
}
