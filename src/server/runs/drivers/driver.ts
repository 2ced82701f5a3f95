/**
 * Owns: what a task is to the server, whatever runs it. A driver starts it, hands over its output as it comes,
 * ends it when told to, takes it up again for a server that was started anew, and leaves nothing behind.
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

/** What a task may use at most; absent: as much as there is. */
export interface TaskLimits {
  memoryBytes?: number | undefined
  /** Of one processor: 0.5 is half of one. */
  cpus?: number | undefined
  processes?: number | undefined
}

/** Where a task runs. */
export interface PlaceSpec extends TaskId {
  image?: string | undefined
  /** All that is found in the environment, beside what the driver's page of the reference names. */
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
  /** The number of the open sandbox in which it runs; without it, in a place of its own. */
  sandbox?: number | undefined
}

/** Bytes of each stream. */
export interface Offsets {
  stdout: number
  stderr: number
}

/** Where output goes. The driver reads no further until a chunk is taken. */
export interface TaskSinks {
  stdout: (chunk: Uint8Array) => Promise<void>
  stderr: (chunk: Uint8Array) => Promise<void>
  /**
   * How many bytes of the task's output, from its very beginning, need never be handed over again, also not to
   * the server that comes after this one. A driver that keeps output for that one may drop so much.
   */
  stored(): Offsets
}

export interface TaskEnd {
  /** `error`: it could not be started; why is on its stderr. `abort`: out of time, or stopped. */
  status: 'success' | 'failure' | 'abort' | 'error'
  /** As a shell would give it: 128 + n for signal n, 127 for a program that is not there, 126 for no permission. */
  code: number
}

export interface Driver {
  name: string
  /** @throws Fault `failed` naming the driver, for what it cannot do: asked before anything is resolved. */
  refuse(asked: Partial<Omit<TaskSpec, 'env'>>): void
  /** @throws Fault with a hint, where no task could run now. Absent: there is nothing that could be missing. */
  ready?(signal: AbortSignal): Promise<void>
  /**
   * Runs a task to its end. When `signal` fires, the task is ended: politely, then after a grace by force.
   * @returns undefined where what ran it was lost, and with it how it ended: it is then ended and cleaned away, and
   * can be run again.
   * @throws what a sink throws, once the task has been ended for it.
   */
  run(spec: TaskSpec, sinks: TaskSinks, signal: AbortSignal): Promise<TaskEnd | undefined>
  /**
   * Takes up a task that an earlier server began and whose end it did not record, whether the task still runs or
   * has ended since: hands over its output from `sinks.stored()` on, nothing twice, and then its end. Its time-out
   * counts from its own start.
   * @returns undefined where nothing is left of it, or it cannot be taken up, or is lost as in `run`: it is then
   * ended and cleaned away, and can be run again.
   */
  reattach(task: TaskId, sinks: TaskSinks, signal: AbortSignal): Promise<TaskEnd | undefined>
  /** Opens a place in which tasks run one after the other or side by side, and find each other's files. */
  openSandbox(spec: PlaceSpec, signal: AbortSignal): Promise<void>
  /** Whether a sandbox that an earlier server opened is still there. */
  hasSandbox(sandbox: TaskId): Promise<boolean>
  /** Ends what still runs in it. Does nothing where there is none. */
  closeSandbox(sandbox: TaskId): Promise<void>
  /** Does nothing where the run has it already. It lives until `cleanUp`. @param volume letters, digits, `.`, `_`, `-` */
  createVolume(runId: string, volume: string): Promise<void>
  /** Puts the content of a folder of this machine into a volume, under `path`, a relative one that stays inside. */
  importFolder(to: VolumePath, folder: string, signal: AbortSignal): Promise<void>
  /** The other way: the content of `path` in the volume, into an empty folder of this machine. */
  exportFolder(from: VolumePath, folder: string, signal: AbortSignal): Promise<void>
  /**
   * Removes what the run's tasks have left, volumes and sandboxes too. Called when none of them runs any more, or
   * when the server that ran them has died: then it first ends those that still go on.
   */
  cleanUp(runId: string): Promise<void>
  /** At a server's start: removes what is left of all runs but `kept`. */
  sweep(kept: ReadonlySet<string>): Promise<void>
  /** Lets go of what the driver holds itself. What still runs is left to the next server, where it can be. */
  close(): Promise<void>
}

export interface VolumePath {
  runId: string
  volume: string
  path: string
}
