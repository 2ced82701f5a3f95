/** One connection of the server to its supervisor: questions and their replies, and the output of tasks. */
import { Fault } from '../../../contract/fault.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Offsets, TaskEnd, TaskSinks } from '../drivers/driver-interface.ts'
import type { ServerLink, Supervision } from './find-or-start-supervisor.ts'
import { type FromServer, type FromSupervisor, PROTOCOL, type Question } from './supervisor-protocol.ts'
import { createFollower, type Follower } from './task-follower.ts'

/** How often the stored offsets are reported to the supervisor. */
const SYNC_MS = 250
/** How long any reply may take. */
const REPLY_MS = 30_000

/** The next step where a supervisor is in the way. */
export const END_IT =
  'stop that process, and with it its tasks: it is a process of this user called `fob __tasks`'

type Welcome = FromSupervisor & { type: 'welcome' }

interface Following {
  task: string
  from: Offsets
  sinks: TaskSinks
  signal: AbortSignal
  /** The question that makes the supervisor send its output. */
  question: Question
}

export interface Session {
  /** False once either end has closed it. */
  isOpen(): boolean
  /** @returns undefined when the other end closed it without a welcome. @throws Fault `failed` when it does not respond */
  greet(): Promise<Welcome | undefined>
  /** Makes a supervisor that holds no tasks end, and waits for that. @throws Fault `failed` as above */
  dismiss(): Promise<void>
  /** @throws Fault `failed` as above; `lost()` */
  ask(question: Question): Promise<boolean>
  /** A task to its end. @returns undefined when the supervisor declines the question. @throws as `ask` */
  follow(following: Following): Promise<TaskEnd | undefined>
  /** Disconnects without a word more: what fails for this is not to end the tasks. */
  close(): Promise<void>
}

interface SessionOptions {
  supervision: Pick<Supervision, 'find'>
  clock: Clock
  /** What everything fails with that is in progress when the connection ends. */
  lost(): Fault
}

/** @returns undefined where there is no supervisor */
export async function openSession({
  supervision,
  clock,
  lost,
}: SessionOptions): Promise<Session | undefined> {
  const followers = new Map<string, Follower>()
  const questions = new Map<number, PromiseWithResolvers<boolean>>()
  const welcome = Promise.withResolvers<Welcome | undefined>()
  const closed = Promise.withResolvers<void>()
  let isOpen = true
  let asked = 0

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
  const onClosed = () => {
    isOpen = false
    clearInterval(timer)
    welcome.resolve(undefined)
    for (const question of questions.values()) question.reject(lost())
    for (const follower of followers.values()) follower.lost(lost())
    closed.resolve()
  }
  const found = await supervision.find({ receive, closed: onClosed })
  if (!found) {
    clearInterval(timer)
    return undefined
  }
  const link: ServerLink = found

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

  async function ask(question: Question): Promise<boolean> {
    if (!isOpen) throw lost()
    const number = ++asked
    const reply = Promise.withResolvers<boolean>()
    questions.set(number, reply)
    try {
      link.send({ type: 'ask', ask: number, question })
      return await inTime(reply.promise)
    } finally {
      questions.delete(number)
    }
  }

  const tell = (message: FromServer) => {
    if (isOpen) link.send(message)
  }

  async function follow({ task, from, sinks, signal, question }: Following): Promise<TaskEnd | undefined> {
    const follower = createFollower({ task, from, sinks, tell })
    // It is awaited only after the reply to the question.
    follower.result.catch(() => {})
    followers.set(task, follower)
    const end = () => tell({ type: 'end', task })
    try {
      if (!(await ask(question))) {
        followers.delete(task)
        return undefined
      }
      signal.addEventListener('abort', end, { once: true })
      if (signal.aborted) end()
      return await follower.result
    } finally {
      signal.removeEventListener('abort', end)
    }
  }

  return {
    isOpen: () => isOpen,
    greet: async () => {
      link.send({ type: 'hello', protocol: PROTOCOL })
      return await inTime(welcome.promise)
    },
    dismiss: async () => {
      link.send({ type: 'bye' })
      await inTime(closed.promise)
    },
    ask,
    follow,
    close: async () => {
      isOpen = false
      link.close()
      await inTime(closed.promise)
    },
  }
}
