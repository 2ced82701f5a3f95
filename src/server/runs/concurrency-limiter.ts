/** A limit of how much work is done at once; further work waits for its turn, in order. */
export interface Limiter {
  /** @throws the reason of `signal` when it fires before the turn has come: `work` is then never started */
  run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>
}

export function createLimiter(most: number): Limiter {
  let running = 0
  const queue = new Set<() => void>()

  async function turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (running < most) {
      running += 1
      return
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const leave = () => {
      queue.delete(resolve)
      reject(signal.reason as Error)
    }
    queue.add(resolve)
    signal.addEventListener('abort', leave, { once: true })
    // `leave` gives the place to this call, so `running` does not change in between.
    await promise.finally(() => signal.removeEventListener('abort', leave))
  }

  function leave(): void {
    const [next] = queue
    if (!next) {
      running -= 1
      return
    }
    queue.delete(next)
    next()
  }

  async function run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await turn(signal)
    try {
      return await work()
    } finally {
      leave()
    }
  }

  return { run }
}
