/** The server's client of the supervisor: finds or starts one, runs tasks in it and reattaches to them. */
import { Fault } from '../../../contract/fault.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { TaskEnd, TaskSinks } from '../drivers/driver-interface.ts'
import type { Supervision } from './find-or-start-supervisor.ts'
import type { Question, SupervisedSpec } from './supervisor-protocol.ts'
import { END_IT, openSession, type Session } from './supervisor-session.ts'

/** The server's access to its supervisor, whether one runs already or not. */
export interface SupervisorClient {
  /**
   * Runs a task to its end; stops it when `signal` fires.
   * @returns undefined when the supervisor is lost, and with it the result of the task
   * @throws what a sink throws
   */
  run(spec: SupervisedSpec, sinks: TaskSinks, signal: AbortSignal): Promise<TaskEnd | undefined>
  /** The same for a task that was started earlier; undefined also when the supervisor does not have it. */
  reattach(task: string, sinks: TaskSinks, signal: AbortSignal): Promise<TaskEnd | undefined>
  /** Asks the supervisor, starting one if there is none. */
  ask(question: Question): Promise<boolean>
  /** Asks the supervisor; undefined when there is none. */
  askIfThere(question: Question): Promise<boolean | undefined>
  /** Disconnects from the supervisor, which ends when it holds nothing. */
  close(): Promise<void>
}

export interface ClientOptions {
  supervision: Supervision
  clock: Clock
  version: string
}

/** How long a supervisor may take to notice that the previous server has disconnected, and how often we try. */
const BUSY_MS = 5000
const STEP_MS = 20

/** The supervisor has ended. A client that disconnects by itself does not lose it. */
class SupervisorLost extends Fault {}

async function unlessLost<T>(reply: Promise<T>): Promise<T | undefined> {
  try {
    return await reply
  } catch (error) {
    if (error instanceof SupervisorLost) return undefined
    throw error
  }
}

export function createClient({ supervision, clock, version }: ClientOptions): SupervisorClient {
  let attempt: { mayStart: boolean; session: Promise<Session | undefined> } | undefined
  let isClosed = false

  const lost = () =>
    isClosed
      ? new Fault('failed', 'the tasks are left to the next server')
      : new SupervisorLost('failed', 'the process that runs tasks ended unexpectedly')

  async function reach(mayStart: boolean): Promise<Session | undefined> {
    for (;;) {
      const mine = (attempt ??= { mayStart, session: open(mayStart) })
      const session = await mine.session.catch((error: unknown) => {
        if (attempt === mine) attempt = undefined
        throw error
      })
      if (session?.isOpen() === true) return session
      if (attempt === mine) attempt = undefined
      if (session === undefined && !mayStart) return undefined
    }
  }

  async function reachOrStart(): Promise<Session> {
    const session = await reach(true)
    if (!session) throw lost()
    return session
  }

  async function open(mayStart: boolean): Promise<Session | undefined> {
    const found = await greet()
    if (found || !mayStart) return found
    await supervision.start()
    const started = await greet()
    if (!started) throw new Fault('failed', 'the process that runs tasks cannot be reached')
    return started
  }

  /** @returns undefined when no supervisor answers that speaks our protocol or holds tasks of ours. */
  async function greet(): Promise<Session | undefined> {
    const deadline = clock.now() + BUSY_MS
    for (;;) {
      const session = await openSession({ supervision, clock, lost })
      if (!session) return undefined
      const welcome = await session.greet()
      if (welcome?.version === version || (welcome?.held ?? 0) > 0) return session
      if (welcome) {
        // Another version that holds no tasks: it is replaced.
        await session.dismiss()
      } else if (clock.now() > deadline) {
        throw new Fault('failed', 'the process that runs tasks is in use', { hint: END_IT })
      }
      await clock.sleep(STEP_MS)
    }
  }

  async function start(spec: SupervisedSpec, sinks: TaskSinks, signal: AbortSignal): Promise<TaskEnd> {
    const session = await reachOrStart()
    const from = { stdout: 0, stderr: 0 }
    const question: Question = { type: 'start', spec }
    const end = await session.follow({ task: spec.task, from, sinks, signal, question })
    if (!end) throw new Fault('failed', `task ${spec.number} is there already, or its sandbox is not`)
    return end
  }

  async function attach(task: string, sinks: TaskSinks, signal: AbortSignal) {
    const session = await reach(false)
    const from = sinks.stored()
    const question: Question = { type: 'attach', task, from }
    return await session?.follow({ task, from, sinks, signal, question })
  }

  return {
    run: (spec, sinks, signal) => unlessLost(start(spec, sinks, signal)),
    reattach: (task, sinks, signal) => unlessLost(attach(task, sinks, signal)),
    ask: async (question) => await (await reachOrStart()).ask(question),
    askIfThere: async (question) => {
      const session = await reach(false)
      return await session?.ask(question)
    },
    close: async () => {
      isClosed = true
      const session = await attempt?.session.catch(() => undefined)
      if (session?.isOpen() === true) await session.close()
    },
  }
}
