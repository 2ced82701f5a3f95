/**
 * Adds up the time inside the VM and nothing else. On a busy machine the script is not blamed for the time that
 * others had the processor: what it has had of it itself is over the limit too, before the limit counts.
 */
export function createMeter(limitMs: number) {
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
