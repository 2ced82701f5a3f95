/** Follows a container to its end: its output, reconnects to the daemon, the stop by TERM and KILL. */
import type { Clock } from '../../../../platform/clock.ts'
import { Fault } from '../../../../contract/fault.ts'
import { type Inspected, inspectContainer, signalContainer, waitForContainer } from './container-api-calls.ts'
import { contentOf, type DaemonClient, DaemonError } from './daemon-client.ts'
import { readFrames } from './demultiplex-output.ts'
import { type Output, SinkFailed } from './container-output.ts'

export interface FollowOptions {
  daemon: DaemonClient
  clock: Clock
  /** Between TERM and KILL. */
  graceMs: number
  /** How long the daemon may be unreachable before its task is given up. */
  patienceMs: number
}

/** Between two attempts to reach the daemon again. */
const STEP_MS = 500
/** The output of a container ends shortly before the container does. */
const END_MS = 2000
/** A daemon that breaks off every response counts as unreachable. */
const MOST_BREAKS = 100

/**
 * Passes on the output of a container until it has ended. After a broken connection it waits for the daemon and
 * continues from the daemon's log where it broke: nothing is lost or doubled.
 * @param attached the live output, all of it; absent: the log is read from its start.
 * @throws SinkFailed; Fault `unreachable` for a daemon that stays unreachable, `failed` for a missing container
 */
export async function follow(
  options: FollowOptions,
  id: string,
  output: Output,
  attached?: AsyncIterable<Uint8Array>,
): Promise<Inspected> {
  const { daemon } = options
  let live = attached
  for (let breaks = 0; ; breaks++) {
    try {
      if (live !== undefined) await drain(live, output)
      if (live === undefined || !(await endsSoon(daemon, id))) {
        // The live output ended, but the container runs: the task closed its output, or the connection was cut.
        live = undefined
        output.again()
        await drain(await record(daemon, id, true), output)
        await waitForContainer(daemon, id)
        // A reader of the log can miss the last lines at the moment of the end.
        output.again()
        await drain(await record(daemon, id, false), output)
      }
      const state = await inspectContainer(daemon, id)
      if (state !== undefined) return state
      throw new Fault('failed', 'the container of a task has been removed from the daemon')
    } catch (error) {
      if (!isBreak(error) || breaks === MOST_BREAKS) throw error
    }
    await untilBack(options)
    live = undefined
    output.again()
  }
}

async function endsSoon(daemon: DaemonClient, id: string): Promise<boolean> {
  const signal = AbortSignal.timeout(END_MS)
  try {
    await waitForContainer(daemon, id, signal)
    return true
  } catch (error) {
    if (signal.aborted) return false
    throw error
  }
}

function isBreak(error: unknown): boolean {
  if (error instanceof DaemonError) return error.status >= 500
  if (error instanceof Fault) return error.code === 'unreachable'
  return !(error instanceof SinkFailed)
}

async function drain(chunks: AsyncIterable<Uint8Array>, output: Output): Promise<void> {
  for await (const piece of readFrames(chunks)) await output.take(piece)
}

async function record(daemon: DaemonClient, id: string, live: boolean): Promise<AsyncIterable<Uint8Array>> {
  const query = { stdout: true, stderr: true, follow: live }
  const response = await daemon.open({ method: 'GET', path: `/containers/${id}/logs`, query })
  return contentOf(response)
}

/** Waits for an unreachable daemon. @throws Fault `unreachable` when it stays so; other errors at once */
export async function reachPatiently(options: FollowOptions): Promise<void> {
  try {
    await options.daemon.reach()
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'unreachable') throw error
    await untilBack(options)
  }
}

async function untilBack({ daemon, clock, patienceMs }: FollowOptions): Promise<void> {
  const deadline = clock.now() + patienceMs
  for (;;) {
    await clock.sleep(STEP_MS)
    try {
      return await daemon.reach()
    } catch (error) {
      if (clock.now() >= deadline) throw error
    }
  }
}

/**
 * Stops a container when `signal` fires: TERM, then KILL after the grace period, repeated until it has ended.
 * @param ended resolves when it has
 */
export async function endWhen(
  { daemon, clock, graceMs }: FollowOptions,
  id: string,
  signal: AbortSignal,
  ended: Promise<unknown>,
): Promise<void> {
  const fired = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => fired.resolve(), { once: true })
  if (signal.aborted) fired.resolve()
  await Promise.race([fired.promise, ended])
  if (!signal.aborted) return
  // An unreachable daemon is asked again below.
  await signalContainer(daemon, id, 'TERM').catch(() => {})
  let isOver = await isOverWithin(graceMs, clock, ended)
  while (!isOver) {
    await signalContainer(daemon, id, 'KILL').catch(() => {})
    isOver = await isOverWithin(STEP_MS, clock, ended)
  }
}

async function isOverWithin(ms: number, clock: Clock, ended: Promise<unknown>): Promise<boolean> {
  let isOver = true
  await sleepUntil(clock, ms, () => void (isOver = false), ended)
  return isOver
}

/** Does `act` after `ms`, unless `before` comes first. */
export async function sleepUntil(
  clock: Clock,
  ms: number,
  act: () => void,
  before: Promise<unknown>,
): Promise<void> {
  const controller = new AbortController()
  void before.then(() => controller.abort(new Error('over')))
  await clock.sleep(Math.max(0, ms), controller.signal).then(act, () => {})
}
