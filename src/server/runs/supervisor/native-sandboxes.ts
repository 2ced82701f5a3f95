/** The open sandboxes of a supervisor: an environment, and an owner for the processes that their tasks leave. */
import type { Owner, Strays } from './kill-stray-processes.ts'

/** An open sandbox: what its tasks share. */
export interface Sandbox {
  env: Readonly<Record<string, string>>
  owner: Owner
}

export interface Sandboxes {
  count(): number
  keys(): string[]
  get(key: string): Sandbox | undefined
  open(key: string, sandbox: { home: string; env: Readonly<Record<string, string>> }): void
  /** Kills the processes that its tasks have left. Does nothing when there is no such sandbox. */
  close(key: string): Promise<void>
}

export function createSandboxes(strays: Strays): Sandboxes {
  const open = new Map<string, Sandbox>()
  return {
    count: () => open.size,
    keys: () => [...open.keys()],
    get: (key) => open.get(key),
    open: (key, { home, env }) => void open.set(key, { env, owner: strays.add(home) }),
    close: async (key) => {
      const sandbox = open.get(key)
      open.delete(key)
      if (sandbox) await strays.end(sandbox.owner)
    },
  }
}
