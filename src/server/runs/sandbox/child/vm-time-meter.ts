/** The meter of a script's own time. */
export interface Meter {
  /** Whether the limit is exceeded. */
  isSpent(): boolean
  /** Runs `act` inside the VM: its time counts. */
  run<T>(act: () => T): T
  /** Runs `act` outside the VM: its time does not count. */
  pause<T>(act: () => T): T
}

/**
 * Measures the time inside the VM and nothing else. On a busy machine a script is not charged for the time in which
 * others had the processor: the limit counts only once the processor time of this thread is over it, too.
 */
export function createMeter(limitMs: number): Meter {
  let used = 0
  let since: number | undefined
  const started = processorMs()
  const isSpent = () =>
    used + (since === undefined ? 0 : performance.now() - since) > limitMs &&
    processorMs() - started > limitMs
  const stop = () => {
    if (since !== undefined) used += performance.now() - since
    since = undefined
  }
  const within = <T>(inside: boolean, act: () => T): T => {
    const before = since !== undefined
    stop()
    if (inside) since = performance.now()
    try {
      return act()
    } finally {
      stop()
      if (before) since = performance.now()
    }
  }
  return {
    isSpent,
    run: <T>(act: () => T): T => within(true, act),
    pause: <T>(act: () => T): T => within(false, act),
  }
}

function processorMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
