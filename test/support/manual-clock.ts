/** A clock that stands still until a test moves it. */
import type { Clock } from '../../src/platform/clock.ts'

export interface ManualClock extends Clock {
  /** Moves time on and wakes every sleeper whose time has come. */
  advance(ms: number): Promise<void>
  /** Resolves when somebody sleeps. */
  sleeping(): Promise<void>
}

/** Time that stands still until it is moved. */
export function manualClock(start = Date.parse('2026-01-01T00:00:00Z')): ManualClock {
  let now = start
  let sleepers: { at: number; wake: () => void }[] = []
  let watchers: (() => void)[] = []
  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason as Error)
        const sleeper = { at: now + ms, wake: resolve }
        sleepers.push(sleeper)
        signal?.addEventListener('abort', () => {
          sleepers = sleepers.filter((s) => s !== sleeper)
          reject(signal.reason as Error)
        })
        for (const watcher of watchers.splice(0)) watcher()
      }),
    advance: async (ms) => {
      now += ms
      const due = sleepers.filter((s) => s.at <= now)
      sleepers = sleepers.filter((s) => s.at > now)
      for (const { wake } of due) wake()
      await Promise.resolve()
    },
    sleeping: () =>
      sleepers.length > 0 ? Promise.resolve() : new Promise((resolve) => (watchers = [...watchers, resolve])),
  }
}
