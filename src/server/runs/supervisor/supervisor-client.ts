/** The server's client of the supervisor: finds or starts one, runs tasks in it and reattaches to them. */
import { Fault } from '../../../contract/fault.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Offsets, TaskEnd, TaskSinks } from '../drivers/driver-interface.ts'
import type { ServerLink, Supervision } from './find-or-start-supervisor.ts'
import { createFollower, type Follower } from './task-follower.ts'
import {
  type FromServer,
  type FromSupervisor,
  PROTOCOL,
  type Question,
  type SupervisedSpec,
} from './supervisor-protocol.ts'

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

/** How often the stored offsets are reported to the supervisor. */
const SYNC_MS = 250
/** How long any reply may take. */
const REPLY_MS = 30_000
/** How long a supervisor may take to notice that the previous server has disconnected, and how often we try. */
const BUSY_MS = 5000
const STEP_MS = 20

interface Session {
  link: ServerLink
  followers: Map<string, Follower>
  questions: Map<number, PromiseWithResolvers<boolean>>
  isOpen: boolean
  /** Resolves with the welcome message; undefined when the other end closed without one. */
  welcome: PromiseWithResolvers<(FromSupervisor & { type: 'welcome' }) | undefined>
  closed: PromiseWithResolvers<void>
}

const END_IT = 'stop that process, and with it its tasks: it is a process of this user called `fob __tasks`'

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
  let asked = 0
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
      if (session?.isOpen) return session
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
      const session = await connect()
      if (!session) return undefined
      session.link.send({ type: 'hello', protocol: PROTOCOL })
      const welcome = await inTime(session.welcome.promise)
      if (welcome?.version === version || (welcome?.held ?? 0) > 0) return session
      if (welcome) {
        // Another version that holds no tasks: it is replaced.
        session.link.send({ type: 'bye' })
        await inTime(session.closed.promise)
      } else if (clock.now() > deadline) {
        throw new Fault('failed', 'the process that runs tasks is in use', { hint: END_IT })
      }
      await clock.sleep(STEP_MS)
    }
  }

  async function connect(): Promise<Session | undefined> {
    const followers = new Map<string, Follower>()
    const questions: Session['questions'] = new Map()
    const welcome: Session['welcome'] = Promise.withResolvers()
    const closed: Session['closed'] = Promise.withResolvers()
    const timer = setInterval(() => {
      for (const [task, follower] of followers) if (follower.sync()) followers.delete(task)
    }, SYNC_MS)
    timer.unref()
    const receive = (message: FromSupervisor) => {
      if (message.type === 'welcome') welcome.resolve(message)
      else if (message.type === 'answer') questions.get(message.ask)?.resolve(message.value)
      else if (message.type === 'output') followers.get(message.task)?.output(message.stream, message.bytes)
      else followers.get(message.task)?.ended({ status: message.status, code: message.code })
    }
    const session = { followers, questions, isOpen: true, welcome, closed }
    const onClosed = () => {
      session.isOpen = false
      clearInterval(timer)
      welcome.resolve(undefined)
      for (const question of questions.values()) question.reject(lost())
      for (const follower of followers.values()) follower.lost(lost())
      closed.resolve()
    }
    const link = await supervision.find({ receive, closed: onClosed })
    if (link) return Object.assign(session, { link })
    clearInterval(timer)
    return undefined
  }

  /** Bounds the wait, because the process may be suspended or swapped out. @throws Fault `failed` */
  async function inTime<T>(reply: Promise<T>): Promise<T> {
    const isHere = new AbortController()
    const late = clock.sleep(REPLY_MS, isHere.signal).then(() => {
      throw new Fault('failed', 'the process that runs tasks does not respond', { hint: END_IT })
    })
    try {
      return await Promise.race([reply, late])
    } finally {
      isHere.abort(new Error('replied'))
    }
  }

  async function put(session: Session, question: Question): Promise<boolean> {
    if (!session.isOpen) throw lost()
    const ask = ++asked
    const reply = Promise.withResolvers<boolean>()
    session.questions.set(ask, reply)
    try {
      session.link.send({ type: 'ask', ask, question })
      return await inTime(reply.promise)
    } finally {
      session.questions.delete(ask)
    }
  }

  interface Following {
    task: string
    from: Offsets
    sinks: TaskSinks
    signal: AbortSignal
    /** The question that makes the supervisor send its output. */
    question: Question
  }

  /** @returns undefined when the supervisor declines the question. */
  async function follow(session: Session, following: Following): Promise<TaskEnd | undefined> {
    const { task, from, sinks, signal, question } = following
    const tell = (message: FromServer) => {
      if (session.isOpen) session.link.send(message)
    }
    const follower = createFollower({ task, from, sinks, tell })
    // It is awaited only after the reply to the question.
    follower.result.catch(() => {})
    session.followers.set(task, follower)
    const end = () => tell({ type: 'end', task })
    try {
      if (!(await put(session, question))) {
        session.followers.delete(task)
        return undefined
      }
      signal.addEventListener('abort', end, { once: true })
      if (signal.aborted) end()
      return await follower.result
    } finally {
      signal.removeEventListener('abort', end)
    }
  }

  async function start(spec: SupervisedSpec, sinks: TaskSinks, signal: AbortSignal): Promise<TaskEnd> {
    const session = await reachOrStart()
    const from = { stdout: 0, stderr: 0 }
    const question: Question = { type: 'start', spec }
    const end = await follow(session, { task: spec.task, from, sinks, signal, question })
    if (!end) throw new Fault('failed', `task ${spec.number} is there already, or its sandbox is not`)
    return end
  }

  async function attach(task: string, sinks: TaskSinks, signal: AbortSignal) {
    const session = await reach(false)
    const from = sinks.stored()
    const question: Question = { type: 'attach', task, from }
    return session && (await follow(session, { task, from, sinks, signal, question }))
  }

  return {
    run: (spec, sinks, signal) => unlessLost(start(spec, sinks, signal)),
    reattach: (task, sinks, signal) => unlessLost(attach(task, sinks, signal)),
    ask: async (question) => await put(await reachOrStart(), question),
    askIfThere: async (question) => {
      const session = await reach(false)
      return session && (await put(session, question))
    },
    close: async () => {
      isClosed = true
      const session = await attempt?.session.catch(() => undefined)
      if (!session?.isOpen) return
      // Not a word more: what fails for this is not to end the tasks.
      session.isOpen = false
      session.link.close()
      await inTime(session.closed.promise)
    },
  }
}
