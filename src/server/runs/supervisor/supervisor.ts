/**
 * Owns: the tasks of one data folder as processes: their output until a server has stored it, their results until a
 * server has received them, their time limits, and the processes that they leave behind. It outlives the server, in a
 * process of its own, and waits some time for the next one.
 * Refuses: to write anything of a task to disk except its process ID: output and environments can hold secrets and
 * stay in memory; to serve two servers at once, or a server with another protocol version.
 */
import type { Clock } from '../../../platform/clock.ts'
import { createSandboxes } from './native-sandboxes.ts'
import {
  type FromServer,
  type FromSupervisor,
  PROTOCOL,
  type Question,
  type SupervisedSpec,
} from './supervisor-protocol.ts'
import type { Strays } from './kill-stray-processes.ts'
import { startTask, type SupervisedTask } from './supervised-task.ts'

export interface SupervisorOptions {
  clock: Clock
  version: string
  strays: Strays
  /** How long tasks keep running without a server, in milliseconds. */
  waitMs: number
  /** Called once, when there is nothing left to do. */
  onOver(): void
}

/** The way back to a server. */
interface Link {
  send(message: FromSupervisor): void
  close(): void
}

/** What a server sends, and that it has disconnected. */
interface Connection {
  receive(message: FromServer): void
  closed(): void
}

export interface Supervisor {
  connect(link: Link): Connection
  /** The system asks this process to end: tasks are stopped, unless a connected server decides that itself. */
  terminate(): void
}

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { clock, strays } = options
  const tasks = new Map<string, SupervisedTask>()
  const sandboxes = createSandboxes(strays)
  let current: Link | undefined
  let waiting: AbortController | undefined
  let isOver = false

  function over(): void {
    if (isOver) return
    isOver = true
    current?.close()
    options.onOver()
  }

  /** Stops all tasks and closes all sandboxes, then ends. */
  async function finish(how: 'politely' | 'now'): Promise<void> {
    for (const task of tasks.values()) {
      if (how === 'now') task.kill()
      else task.end()
    }
    await Promise.all([...tasks.values()].map((task) => task.done))
    for (const key of sandboxes.keys()) await sandboxes.close(key)
    over()
  }

  async function waitForServer(): Promise<void> {
    if (tasks.size === 0 && sandboxes.count() === 0) return over()
    const controller = new AbortController()
    waiting = controller
    const isAlone = await clock.sleep(options.waitMs, controller.signal).then(
      () => true,
      () => false,
    )
    if (isAlone) await finish('politely')
  }

  function connect(link: Link): Connection {
    let isServer = false
    return {
      receive: (message) => {
        if (isServer) return handle(link, message)
        // Only one server at a time is served.
        if (message.type !== 'hello' || current !== undefined || isOver) return link.close()
        isServer = true
        current = link
        waiting?.abort()
        // A server with another protocol could not control these tasks, so they are stopped.
        if (message.protocol !== PROTOCOL) return void finish('now')
        link.send({
          type: 'welcome',
          protocol: PROTOCOL,
          version: options.version,
          held: tasks.size + sandboxes.count(),
        })
      },
      closed: () => {
        if (current !== link) return
        current = undefined
        for (const task of tasks.values()) task.detach()
        if (!isOver) void waitForServer()
      },
    }
  }

  function handle(link: Link, message: FromServer): void {
    switch (message.type) {
      case 'taken':
        tasks.get(message.task)?.taken(message.taken, message.stored)
        break
      case 'end':
        tasks.get(message.task)?.end()
        break
      case 'bye':
        void finish('now')
        break
      case 'ask':
        void reply(link, message.ask, message.question)
        break
      case 'hello':
        link.close()
    }
  }

  async function reply(link: Link, ask: number, question: Question): Promise<void> {
    const value = await answer(question)
    if (current !== link) return
    link.send({ type: 'answer', ask, value })
    if (question.type === 'attach' && value) tasks.get(question.task)?.attach(link.send, question.from)
  }

  async function answer(question: Question): Promise<boolean> {
    if (question.type === 'start') return start(question.spec)
    if (question.type === 'hasSandbox') return sandboxes.get(question.sandbox) !== undefined
    if (question.type === 'attach') {
      if (tasks.get(question.task)?.hasFrom(question.from)) return true
      await drop([question.task])
      return false
    }
    await obey(question)
    return true
  }

  async function obey(order: Exclude<Question, { type: 'start' | 'attach' | 'hasSandbox' }>): Promise<void> {
    if (order.type === 'openSandbox') sandboxes.open(order.sandbox, order)
    else if (order.type === 'closeSandbox') await closeSandbox(order.sandbox)
    else if (order.type === 'endRun') await endRun(order.runId)
    else {
      const kept = new Set(order.runIds)
      const runIds = new Set([...tasks.keys(), ...sandboxes.keys()].map(runOf))
      for (const runId of runIds) if (!kept.has(runId)) await endRun(runId)
    }
  }

  function start(spec: SupervisedSpec): boolean {
    if (tasks.has(spec.task) || isOver) return false
    const sandbox = spec.sandbox === undefined ? undefined : sandboxes.get(spec.sandbox)
    if (spec.sandbox !== undefined && sandbox === undefined) return false
    tasks.set(spec.task, startTask(spec, { clock, strays, sandbox }))
    const link = current
    if (link) tasks.get(spec.task)?.attach(link.send, { stdout: 0, stderr: 0 })
    return true
  }

  /** Stops its tasks too; their results can still be read. */
  async function closeSandbox(key: string): Promise<void> {
    const inside = [...tasks.values()].filter((task) => task.sandbox === key)
    for (const task of inside) task.kill()
    await Promise.all(inside.map((task) => task.done))
    await sandboxes.close(key)
  }

  async function endRun(runId: string): Promise<void> {
    await drop([...tasks.keys()].filter((key) => runOf(key) === runId))
    for (const key of sandboxes.keys()) if (runOf(key) === runId) await sandboxes.close(key)
  }

  async function drop(keys: readonly string[]): Promise<void> {
    const gone = keys.flatMap((key) => tasks.get(key) ?? [])
    for (const task of gone) task.kill()
    await Promise.all(gone.map((task) => task.done))
    for (const key of keys) tasks.delete(key)
  }

  return {
    connect,
    terminate: () => {
      if (current === undefined) void finish('politely')
    },
  }
}

/** The run in the key of a task or sandbox, `RUN/NUMBER`. */
function runOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/'))
}
