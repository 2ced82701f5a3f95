import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { openLibc } from './libc.ts'

/** `prctl(2)`: what descendants leave becomes our child, and not the first process's of the machine. */
const PR_SET_CHILD_SUBREAPER = 36
const WNOHANG = 1

export interface Orphans {
  /** All our children, those that we started too. */
  children(): number[]
  /** Takes a child that has ended off the list. Only for adopted ones: the others are waited for by the runtime. */
  reap(pid: number): void
}

/** Makes this process the parent of what its descendants leave behind. Linux only, elsewhere undefined. */
export function adoptOrphans(): Orphans | undefined {
  if (process.platform !== 'linux') return undefined
  const libc = openLibc({
    prctl: { args: ['i32', 'u64', 'u64', 'u64', 'u64'], returns: 'i32' },
    waitpid: { args: ['i32', 'ptr', 'i32'], returns: 'i32' },
  })
  if (libc?.prctl(PR_SET_CHILD_SUBREAPER, 1n, 0n, 0n, 0n) !== 0) return undefined
  if (!existsSync(childrenOf(String(process.pid)))) {
    // A kernel without CONFIG_PROC_CHILDREN: nobody would find them.
    libc.prctl(PR_SET_CHILD_SUBREAPER, 0n, 0n, 0n, 0n)
    return undefined
  }
  return { children: readChildren, reap: (pid) => void libc.waitpid(pid, null, WNOHANG) }
}

/** proc(5): per thread; what is adopted goes to the first one that is alive. */
function readChildren(): number[] {
  return readdirSync('/proc/self/task').flatMap((thread) => {
    try {
      return readFileSync(childrenOf(thread), 'utf8').split(' ').filter(Boolean).map(Number)
    } catch {
      // That thread has just ended.
      return []
    }
  })
}

function childrenOf(thread: string): string {
  return `/proc/self/task/${thread}/children`
}
