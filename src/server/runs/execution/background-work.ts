/** Work that the calls of a run have left running, and the wait for a signal. */
import { Fault } from '../../../contract/fault.ts'

/** Work that calls have left running, such as a message on its way. It continues also where the script has failed. */
export function createBackground(stop: AbortSignal) {
  const over = new AbortController()
  const running = new Set<Promise<void>>()
  return {
    add: (work: (signal: AbortSignal) => Promise<void>) => {
      const done = work(AbortSignal.any([stop, over.signal]))
      running.add(done)
      void done.finally(() => running.delete(done))
    },
    /** Resolves when no work is left; what takes longer is stopped. */
    settled: async (ms: number) => {
      if (running.size === 0) return
      const all = Promise.all(running)
      await Promise.race([all, whenFired(AbortSignal.timeout(ms))])
      over.abort(new Fault('interrupted', 'the run has ended'))
      await all
    },
  }
}

/** Resolves once `signal` has fired. */
export async function whenFired(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
