/** How many processes a process group has, as far as the system tells (Linux: proc(5)). */
import { readdirSync, readFileSync } from 'node:fs'

/**
 * Counts a process and what descends from it, by reading a few files for each of them.
 * @returns undefined where the system does not list its children, or it has ended
 */
export function countDescendants(leader: number, most: number): number | undefined {
  const left = childrenOf(leader)
  if (left === undefined) return undefined
  let count = 1
  for (let pid = left.pop(); pid !== undefined && count < most; pid = left.pop()) {
    count += 1
    // One that has ended meanwhile has none.
    left.push(...(childrenOf(pid) ?? []))
  }
  return count
}

/** Looks at every process of the machine, as those whose parent has ended descend from it no more. 0 without /proc. */
export function countGroup(group: number): number {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && groupOf(name) === group).length
  } catch {
    return 0
  }
}

/** Those that each of its threads has started. */
function childrenOf(pid: number): number[] | undefined {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1').split(' ').filter(Boolean).map(Number),
    )
  } catch {
    return undefined
  }
}

/** The fifth field of `stat`; the second one, a name in parentheses, may contain anything. */
function groupOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2])
  } catch {
    return undefined
  }
}
