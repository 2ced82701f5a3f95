/** Removes what tasks leave on the daemon: finished containers, and all of a run or an earlier server. */
import type { Clock } from '../../../../platform/clock.ts'
import type { Log } from '../../../log.ts'
import { createLimiter } from '../../concurrency-limiter.ts'
import { listContainers, removeContainer } from './container-api-calls.ts'
import type { DaemonClient } from './daemon-client.ts'
import { LABEL } from './ownership-labels.ts'
import type { Volumes } from './container-volumes.ts'

/**
 * How long the container of a finished task is kept: if the server dies before it has recorded the end, the next one
 * finds the container and does not run the task again.
 */
const KEEP_MS = 10_000
/** The number of removals at the same time. */
const AT_ONCE = 8

export interface LeftoversOptions {
  daemon: DaemonClient
  clock: Clock
  log: Log
  volumes: Volumes
  /** Aborts removals. */
  closing: AbortSignal
  /** Called with each container that is removed. */
  onRemoved(id: string): void
}

/** Removes what tasks leave on the daemon. */
export interface Leftovers {
  /** Removes a container later, when the end of its task has surely been recorded. */
  removeLater(id: string): void
  /**
   * Containers first, running ones too, then volumes.
   * @param filters `Labels.filters`
   * @param isKept decides by the ID of the run
   */
  remove(filters: string, isKept: (runId: string | undefined) => boolean): Promise<void>
}

export function createLeftovers(options: LeftoversOptions): Leftovers {
  const { daemon, clock, log, volumes, closing, onRemoved } = options
  const limiter = createLimiter(AT_ONCE)

  async function each<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
    await Promise.all(items.map((item) => limiter.run(() => act(item), closing)))
  }

  function removeLater(id: string): void {
    clock.sleep(KEEP_MS, closing).then(
      () => removeContainer(daemon, id).catch(() => log.warn('a container could not be removed', { id })),
      () => {},
    )
  }

  async function remove(filters: string, isKept: (runId: string | undefined) => boolean): Promise<void> {
    const containers = await listContainers(daemon, filters)
    await each(
      containers.filter(({ labels }) => !isKept(labels[LABEL.run])),
      async ({ id }) => {
        onRemoved(id)
        await removeContainer(daemon, id)
      },
    )
    const all = [...(await volumes.list(filters))].filter(([, runId]) => !isKept(runId))
    await each(all, ([name]) => volumes.remove(name))
  }

  return { removeLater, remove }
}
