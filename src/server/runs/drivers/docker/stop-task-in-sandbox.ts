/** Stops a task that is executed in a sandbox, with everything that it has started. */
import * as v from 'valibot'
import { type DaemonClient, DaemonError } from './daemon-client.ts'
import type { FollowOptions } from './follow-container.ts'

/**
 * Signals every process whose environment holds a mark: the task in a sandbox and what it has started, also in sessions
 * of its own. The Engine API has no call for that, and the process IDs that it reports are those of the host.
 */
const SIGNAL_MARKED =
  'for f in $(grep -ls "$1" /proc/[0-9]*/environ); do f=${f#/proc/}; kill -s "$2" "${f%/environ}"; done'
/** Processes that a task starts while it is stopped are found by repeating the search. */
const KILL_ROUNDS = 5
const STEP_MS = 50

const created = v.looseObject({ Id: v.string() })
const running = v.looseObject({ Running: v.boolean() })

export interface ExecTarget {
  /** The container. */
  id: string
  execId: string
  /** `NAME=VALUE`, only in the environment of this task. */
  mark: string
  /** The user of the task: another user cannot read its environment. */
  user: string | undefined
}

/**
 * Stops a task in a sandbox when `signal` fires: TERM, then KILL after the grace period. When the image has no shell for
 * that, or the task has hidden from it, the sandbox is restarted, which stops everything in it and leaves its files.
 * @param ended resolves when the task has closed its output
 */
export async function endExec(
  options: FollowOptions,
  target: ExecTarget,
  signal: AbortSignal,
  ended: Promise<unknown>,
): Promise<void> {
  const { daemon, clock, graceMs } = options
  const fired = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => fired.resolve(), { once: true })
  if (signal.aborted) fired.resolve()
  await Promise.race([fired.promise, ended])
  if (!signal.aborted) return

  async function isOverWithin(ms: number): Promise<boolean> {
    const deadline = clock.now() + ms
    while (await isRunning(daemon, target.execId)) {
      if (clock.now() >= deadline) return false
      await clock.sleep(STEP_MS)
    }
    return true
  }

  await signalMarked(daemon, target, 'TERM')
  if (await isOverWithin(graceMs)) {
    // The task has ended, but its background processes have not.
    return await signalMarked(daemon, target, 'KILL')
  }
  for (let round = 0; round < KILL_ROUNDS; round++) {
    await signalMarked(daemon, target, 'KILL')
    if (await isOverWithin(STEP_MS * 4)) return
  }
  await daemon.send({ method: 'POST', path: `/containers/${target.id}/restart`, query: { t: 0 } })
}

async function signalMarked(
  daemon: DaemonClient,
  { id, mark, user }: ExecTarget,
  name: string,
): Promise<void> {
  try {
    const body = {
      Cmd: ['sh', '-c', SIGNAL_MARKED, 'sh', mark, name],
      AttachStdout: true,
      AttachStderr: true,
      ...(user === undefined ? {} : { User: user }),
    }
    const { Id } = await daemon.json({ method: 'POST', path: `/containers/${id}/exec`, body }, created)
    await daemon.send({ method: 'POST', path: `/exec/${Id}/start`, body: { Detach: false, Tty: false } })
  } catch (error) {
    // The sandbox is being removed, and the task with it; or it has no shell, which the next step finds out.
    if (!(error instanceof DaemonError)) throw error
  }
}

async function isRunning(daemon: DaemonClient, execId: string): Promise<boolean> {
  try {
    return (await daemon.json({ method: 'GET', path: `/exec/${execId}/json` }, running)).Running
  } catch (error) {
    if (error instanceof DaemonError) return false
    throw error
  }
}
