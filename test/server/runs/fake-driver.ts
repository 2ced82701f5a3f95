/** A driver whose tasks outlive any server, and whose output and ends the test decides. */
import type {
  Driver,
  TaskEnd,
  TaskId,
  TaskSinks,
  TaskSpec,
} from '../../../src/server/runs/drivers/driver-interface.ts'

/** Tasks that outlive any server: what they say and how they end is written down by the test. */
export interface FakeDriver extends Driver {
  /** Names of all that was begun, in order: a task that is run again is there twice. */
  begun: string[]
  takenUp: number[]
  /** A task says something; the whole of it is kept, as a container's log is. */
  say(name: string, text: string, stream?: 'stdout' | 'stderr'): void
  end(name: string, code?: number): void
  /** As if the machine had been started anew. */
  forget(name: string): void
}

interface FakeTask {
  spec: TaskSpec
  said: { stdout: string; stderr: string }
  end: PromiseWithResolvers<TaskEnd>
  changed: PromiseWithResolvers<void>
}

/** @param automatic ends each task by itself, at once, with its arguments as output */
export function fakeDriver(automatic = false): FakeDriver {
  const tasks = new Map<string, FakeTask>()
  const sandboxes = new Set<string>()
  const begun: string[] = []
  const takenUp: number[] = []
  const named = (name: string) => {
    const task = [...tasks.values()].findLast(({ spec }) => spec.command.path === name)
    if (!task) throw new Error(`no task ${name}`)
    return task
  }

  /** Hands over what was said, from `sinks.stored()` on, until the task has ended. */
  async function follow(task: FakeTask, sinks: TaskSinks, signal: AbortSignal): Promise<TaskEnd> {
    const from = { ...sinks.stored() }
    let end: TaskEnd | undefined
    const awaitEnd = async () => {
      end = await task.end.promise
      task.changed.resolve()
    }
    void awaitEnd()
    const stop = () => task.end.resolve({ status: 'abort', code: 143 })
    signal.addEventListener('abort', stop)
    if (signal.aborted) stop()
    for (;;) {
      const isLast = end !== undefined
      const { changed } = task
      for (const stream of ['stdout', 'stderr'] as const) {
        const bytes = new TextEncoder().encode(task.said[stream]).subarray(from[stream])
        from[stream] += bytes.length
        if (bytes.length > 0) await sinks[stream](bytes)
      }
      if (isLast && end) return end
      await changed.promise
      if (task.changed === changed) task.changed = Promise.withResolvers()
    }
  }

  return {
    name: 'fake',
    begun,
    takenUp,
    say: (name, text, stream = 'stdout') => {
      const task = named(name)
      task.said[stream] += text
      task.changed.resolve()
    },
    end: (name, code = 0) => named(name).end.resolve({ status: code === 0 ? 'success' : 'failure', code }),
    forget: (name) => {
      for (const [key, { spec }] of tasks) if (spec.command.path === name) tasks.delete(key)
    },
    refuse: () => {},
    run: (spec, sinks, signal) => {
      const task = {
        spec,
        said: { stdout: '', stderr: '' },
        end: Promise.withResolvers<TaskEnd>(),
        changed: Promise.withResolvers<void>(),
      }
      tasks.set(keyOf(spec), task)
      begun.push(spec.command.path)
      if (automatic) {
        task.said.stdout = `${spec.command.args.join(' ')}\n`
        const code = Number(spec.env.CODE ?? 0)
        task.end.resolve({ status: code === 0 ? 'success' : 'failure', code })
      }
      return follow(task, sinks, signal)
    },
    reattach: async (id, sinks, signal) => {
      const task = tasks.get(keyOf(id))
      if (!task) return undefined
      takenUp.push(id.number)
      return await follow(task, sinks, signal)
    },
    openSandbox: async (spec) => void sandboxes.add(keyOf(spec)),
    hasSandbox: async (id) => sandboxes.has(keyOf(id)),
    closeSandbox: async (id) => void sandboxes.delete(keyOf(id)),
    createVolume: async () => {},
    importFolder: async () => {},
    exportFolder: async () => {},
    cleanUp: async () => {},
    sweep: async () => {},
    close: async () => {},
  }
}

function keyOf({ runId, number }: TaskId): string {
  return `${runId} ${number}`
}
