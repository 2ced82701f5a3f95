import type { Concurrency } from '../../contract/api.ts'

export interface QueuedRun {
  runId: string
  tenantId: string
  pipelineId: string
  concurrency: Concurrency
  /** Ends this run, waiting or running, for the newer one of its pipeline that is named. */
  supersede(newer: string): void
}

/** Who runs next. Fair between tenants, however many runs one of them asks for. */
export interface RunQueue {
  /**
   * Runs `work` when its turn has come.
   * @throws the signal's reason when it fires before that: `work` is then never begun.
   */
  run<T>(run: QueuedRun, work: () => Promise<T>, signal: AbortSignal): Promise<T>
}

interface Waiter {
  run: QueuedRun
  begin: () => void
}

/**
 * A free place goes to the tenant with the fewest runs going, among equals to the one that has waited longest
 * since its last turn. Within a tenant the oldest run that its pipeline's limit lets go is next: one that has to
 * wait for others of its pipeline holds up no other pipeline.
 */
export function createRunQueue({ atOnce, perTenant }: { atOnce: number; perTenant: number }): RunQueue {
  /** By tenant; whose turn is longest ago stands first. No tenant has an empty set. */
  const waiting = new Map<string, Set<Waiter>>()
  const running = new Set<QueuedRun>()
  const ofTenant = createCounts()
  const ofPipeline = createCounts()

  function mayGo({ pipelineId, concurrency }: QueuedRun): boolean {
    return ofPipeline.get(pipelineId) < mostOf(concurrency)
  }

  function choose(): Waiter | undefined {
    let chosen: Waiter | undefined
    let fewest = perTenant
    for (const [tenantId, queue] of waiting) {
      if (ofTenant.get(tenantId) >= fewest) continue
      const first = queue.values().find(({ run }) => mayGo(run))
      if (first === undefined) continue
      chosen = first
      fewest = ofTenant.get(tenantId)
    }
    return chosen
  }

  function forget(waiter: Waiter): void {
    const { tenantId } = waiter.run
    const queue = waiting.get(tenantId)
    queue?.delete(waiter)
    if (queue?.size === 0) waiting.delete(tenantId)
  }

  function fill(): void {
    while (running.size < atOnce) {
      const next = choose()
      if (next === undefined) return
      const { tenantId, pipelineId } = next.run
      forget(next)
      const others = waiting.get(tenantId)
      // To the end: the others' turn comes first.
      if (others && waiting.delete(tenantId)) waiting.set(tenantId, others)
      running.add(next.run)
      ofTenant.add(tenantId, 1)
      ofPipeline.add(pipelineId, 1)
      next.begin()
    }
  }

  function leave(run: QueuedRun): void {
    running.delete(run)
    ofTenant.add(run.tenantId, -1)
    ofPipeline.add(run.pipelineId, -1)
    fill()
  }

  async function turn(run: QueuedRun, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiter = { run, begin: resolve }
    const giveUp = () => {
      forget(waiter)
      reject(signal.reason as Error)
    }
    waiting.set(run.tenantId, (waiting.get(run.tenantId) ?? new Set()).add(waiter))
    signal.addEventListener('abort', giveUp, { once: true })
    fill()
    await promise.finally(() => signal.removeEventListener('abort', giveUp))
  }

  function supersedeOthers({ runId, pipelineId }: QueuedRun): void {
    const queued = [...waiting.values()].flatMap((queue) => [...queue].map((waiter) => waiter.run))
    const others = [...queued, ...running].filter((other) => other.pipelineId === pipelineId)
    for (const other of others) other.supersede(runId)
  }

  async function run<T>(run: QueuedRun, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (run.concurrency.mode === 'cancel-previous') supersedeOthers(run)
    await turn(run, signal)
    try {
      return await work()
    } finally {
      leave(run)
    }
  }

  return { run }
}

/** How many runs of the pipeline may go at once. */
function mostOf(concurrency: Concurrency): number {
  return concurrency.mode === 'queue' ? (concurrency.max ?? Infinity) : 1
}

function createCounts() {
  const counts = new Map<string, number>()
  return {
    get: (key: string) => counts.get(key) ?? 0,
    add(key: string, by: 1 | -1): void {
      const count = (counts.get(key) ?? 0) + by
      if (count === 0) counts.delete(key)
      else counts.set(key, count)
    },
  }
}
