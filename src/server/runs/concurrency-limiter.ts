/** Lets so many through at once; the others wait their turn, in order. */
export interface Limiter {
  /** @throws the signal's reason when it fires before the turn has come: `work` is then never begun. */
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
    // Who leaves hands over the place: `running` does not change in between.
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

/** So many places for each key. */
export interface Places {
  most: number
  /** @returns gives the place back, once however often it is called; undefined when none is left. */
  take(key: string): (() => void) | undefined
}

export function createPlaces(most: number): Places {
  const taken = new Map<string, Set<symbol>>()

  function take(key: string): (() => void) | undefined {
    const places = taken.get(key) ?? new Set()
    if (places.size >= most) return undefined
    const place = Symbol(key)
    taken.set(key, places.add(place))
    return () => {
      places.delete(place)
      if (places.size === 0 && taken.get(key) === places) taken.delete(key)
    }
  }

  return { most, take }
}
