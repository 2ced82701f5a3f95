/** Adopting the processes that descendants leave behind (`PR_SET_CHILD_SUBREAPER`). */
import { existsSync, readFileSync } from 'node:fs'
import { openLibc } from './open-libc.ts'

/** `prctl(2)`: orphaned descendants become children of this process instead of the machine's first one. */
const PR_SET_CHILD_SUBREAPER = 36
const WNOHANG = 1

export interface Orphans {
  /** The IDs of the adopted children, and of those that this process started. */
  children(): number[]
  /** Removes an ended child from the process table. For adopted ones only: the runtime waits for the others. */
  reap(pid: number): void
}

/**
 * Makes this process the parent of its orphaned descendants.
 * @returns undefined on other systems than Linux, and where the kernel does not list children
 */
export function adoptOrphans(): Orphans | undefined {
  if (process.platform !== 'linux') return undefined
  const libc = openLibc({
    prctl: { args: ['i32', 'u64', 'u64', 'u64', 'u64'], returns: 'i32' },
    waitpid: { args: ['i32', 'ptr', 'i32'], returns: 'i32' },
  })
  if (libc?.prctl(PR_SET_CHILD_SUBREAPER, 1n, 0n, 0n, 0n) !== 0) return undefined
  if (!existsSync(listOfChildren())) {
    // A kernel without CONFIG_PROC_CHILDREN: they could not be found.
    libc.prctl(PR_SET_CHILD_SUBREAPER, 0n, 0n, 0n, 0n)
    return undefined
  }
  return { children: readChildren, reap: (pid) => void libc.waitpid(pid, null, WNOHANG) }
}

/**
 * proc(5): children are listed by thread, adopted ones under the first thread that is alive. That is the thread in which
 * this code runs; other threads can only have children that the runtime has started.
 */
function listOfChildren(): string {
  return `/proc/self/task/${process.pid}/children`
}

function readChildren(): number[] {
  return readFileSync(listOfChildren(), 'utf8').split(' ').filter(Boolean).map(Number)
}
