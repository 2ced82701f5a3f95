/** The wait for a person: how long it lasts, and how it ends. */
import { Fault } from '../contract/fault.ts'
import type { FlowContext } from './flow-types.ts'

/**
 * Runs `work` for as long as the person may take. Its signal ends with the login's, and when the wait is over.
 * @throws Fault `login_timeout`; what `work` throws; the context signal's reason.
 */
export async function withinPatience<T>(
  context: Pick<FlowContext, 'clock' | 'signal' | 'timeoutMs'>,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController()
  const signal = AbortSignal.any([context.signal, over.signal])
  const late = context.clock.sleep(context.timeoutMs, signal).then((): never => {
    throw new Fault('login_timeout', 'the login was not approved in time', {
      hint: 'run it again, with --timeout 10m for more time; if the browser complained about the client, name one with --client-id',
    })
  })
  const done = work(signal)
  try {
    return await Promise.race([done, late])
  } finally {
    over.abort(new Error('the wait is over'))
    late.catch(() => {})
    done.catch(() => {})
  }
}

/** Nobody can paste a code: no terminal, and nothing (or nothing more) in the pipe. */
export function nobodyToPaste(): Fault {
  return new Fault('prompt_needed', 'the code has to be pasted, and nobody is there to do it', {
    hint: 'run it in a terminal, or pipe the code in; --device and --token-stdin need nobody here',
  })
}

/** Nobody can approve: there is no browser here, and no person who could open the address elsewhere. */
export function nobodyToApprove(): Fault {
  return new Fault('prompt_needed', 'no browser can be opened here, and nobody can be asked to open one', {
    hint: 'use --device and approve on another machine, or pipe a token into --token-stdin; a CI job with an ID token can use --workload auto',
  })
}

/** Seconds or minutes, whichever reads better. */
export function span(ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  return seconds >= 120 && seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`
}
