/** The order in which queued runs start: fair between tenants, and within the limits of each pipeline. */
import type { Concurrency } from '../../../contract/api/pipelines.ts'

export interface QueuedRun {
  runId: string
  tenantId: string
  pipelineId: string
  concurrency: Concurrency
  /** An earlier server had started it: it continues when its turn comes, whether or not its pipeline is paused now. */
  wasStarted?: boolean
  /** Stops this run, whether it waits or runs. */
  stop(reason: string): void
}

export interface RunQueue {
  /**
   * Runs `work` when its turn has come.
   * @throws the reason of `signal` when it fires before that: `work` is then never started
   */
  run<T>(run: QueuedRun, work: () => Promise<T>, signal: AbortSignal): Promise<T>
  /** While a pipeline is held, none of its runs starts; those that have started continue. */
  hold(pipelineId: string, isHeld: boolean): void
  /** Stops the runs of a pipeline that have not started. */
  withdraw(pipelineId: string, reason: string): void
}

interface QueueOptions {
  atOnce: number
  perTenant: number
  /** The pipelines that are held. */
  held?: Iterable<string>
}

interface Waiter {
  run: QueuedRun
  start: () => void
}

/**
 * A free place goes to the tenant with the fewest running runs, among equals to the one whose last turn is longest
 * ago. Within a tenant the oldest run is next that the limit of its pipeline lets start: a run that has to wait for
 * others of its pipeline holds up no other pipeline.
 */
export function createRunQueue({ atOnce, perTenant, held: heldAtFirst = [] }: QueueOptions): RunQueue {
  /** By tenant, the one whose turn is longest ago first. No tenant has an empty set. */
  const waiting = new Map<string, Set<Waiter>>()
  const running = new Set<QueuedRun>()
  const ofTenant = createCounts()
  const ofPipeline = createCounts()
  const held = new Set(heldAtFirst)

  function mayStart({ pipelineId, concurrency, wasStarted = false }: QueuedRun): boolean {
    return (wasStarted || !held.has(pipelineId)) && ofPipeline.get(pipelineId) < mostOf(concurrency)
  }

  function choose(): Waiter | undefined {
    let chosen: Waiter | undefined
    let fewest = perTenant
    for (const [tenantId, queue] of waiting) {
      if (ofTenant.get(tenantId) >= fewest) continue
      const first = queue.values().find(({ run }) => mayStart(run))
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
      // The tenant goes to the end of the line.
      if (others && waiting.delete(tenantId)) waiting.set(tenantId, others)
      running.add(next.run)
      ofTenant.add(tenantId, 1)
      ofPipeline.add(pipelineId, 1)
      next.start()
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
    const waiter = { run, start: resolve }
    const giveUp = () => {
      forget(waiter)
      reject(signal.reason as Error)
    }
    waiting.set(run.tenantId, (waiting.get(run.tenantId) ?? new Set()).add(waiter))
    signal.addEventListener('abort', giveUp, { once: true })
    fill()
    await promise.finally(() => signal.removeEventListener('abort', giveUp))
  }

  function queued(pipelineId: string): QueuedRun[] {
    const all = [...waiting.values()].flatMap((queue) => [...queue].map((waiter) => waiter.run))
    return all.filter((run) => run.pipelineId === pipelineId)
  }

  function supersedeOthers({ runId, pipelineId }: QueuedRun): void {
    const runningOthers = [...running].filter((other) => other.pipelineId === pipelineId)
    for (const other of [...queued(pipelineId), ...runningOthers]) {
      other.stop(`cancelled by ${runId}, a newer run of this pipeline`)
    }
  }

  function hold(pipelineId: string, isHeld: boolean): void {
    if (isHeld) held.add(pipelineId)
    else held.delete(pipelineId)
    fill()
  }

  function withdraw(pipelineId: string, reason: string): void {
    for (const run of queued(pipelineId)) if (run.wasStarted !== true) run.stop(reason)
    held.delete(pipelineId)
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

  return { run, hold, withdraw }
}

/** How many runs of the pipeline may run at once. */
function mostOf(concurrency: Concurrency): number {
  return concurrency.mode === 'parallel' ? (concurrency.max ?? Infinity) : 1
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
