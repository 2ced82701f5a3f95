/** The meter of a script's own time: the time inside its VM, and nothing else. */
export interface Meter {
  /** Whether the limit is exceeded. */
  isSpent(): boolean
  /** Runs `act` inside the VM: its time counts. */
  run<T>(act: () => T): T
  /** Runs `act` outside the VM: its time does not count. */
  pause<T>(act: () => T): T
}

/** Both in milliseconds from some start. */
interface MeterClocks {
  time(): number
  /** Of this thread alone. */
  processorTime(): number
}

const SYSTEM: MeterClocks = {
  time: () => performance.now(),
  processorTime: () => {
    const { user, system } = process.threadCpuUsage()
    return (user + system) / 1000
  },
}

/**
 * On a busy machine a script is not charged for the time in which others had the processor: the limit counts only
 * once the processor time of this thread is over it, too.
 */
export function createMeter(limitMs: number, clocks = SYSTEM): Meter {
  let used = 0
  let since: number | undefined
  const started = clocks.processorTime()
  const isSpent = () =>
    used + (since === undefined ? 0 : clocks.time() - since) > limitMs &&
    clocks.processorTime() - started > limitMs
  const stop = () => {
    if (since !== undefined) used += clocks.time() - since
    since = undefined
  }
  const within = <T>(inside: boolean, act: () => T): T => {
    const wasInside = since !== undefined
    stop()
    if (inside) since = clocks.time()
    try {
      return act()
    } finally {
      stop()
      if (wasInside) since = clocks.time()
    }
  }
  return {
    isSpent,
    run: <T>(act: () => T): T => within(true, act),
    pause: <T>(act: () => T): T => within(false, act),
  }
}
