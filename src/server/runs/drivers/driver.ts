/**
 * Owns: what a task is to the engine, whatever runs it. A driver starts it, hands over its output as it comes,
 * ends it when told to, and leaves nothing behind.
 * Refuses: nothing here; each driver refuses, by name, what it cannot do.
 */
import type { Secret } from '../../../redact/secret.ts'

export interface TaskSpec {
  runId: string
  /** 1, 2, 3 … within the run. */
  number: number
  image?: string | undefined
  command: { path: string; args: readonly string[]; user?: string | undefined }
  /** All that the task finds in its environment, beside what the driver's page of the reference names. */
  env: Readonly<Record<string, string | Secret>>
  /** Relative to the task's own folder. */
  workDir?: string | undefined
  stdin?: string | undefined
  timeoutMs?: number | undefined
  mounts?: unknown
  limits?: unknown
}

/** Where output goes. The driver reads no further until a chunk is taken. */
export interface TaskSinks {
  stdout: (chunk: Uint8Array) => Promise<void>
  stderr: (chunk: Uint8Array) => Promise<void>
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
  refuse(spec: Pick<TaskSpec, 'command' | 'mounts' | 'limits'>): void
  /**
   * Runs a task to its end. When `signal` fires, the task is ended: politely, then after a grace by force.
   * @throws what a sink throws, once the task has been ended for it.
   */
  run(spec: TaskSpec, sinks: TaskSinks, signal: AbortSignal): Promise<TaskEnd>
  /**
   * Removes what the run's tasks have left. Called when none of them runs any more, or when the server that ran
   * them has died: then it first ends those that still go on.
   */
  cleanUp(runId: string): Promise<void>
}
