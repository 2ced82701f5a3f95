/** Signals to whole process groups. */

/** @param pid of a process that was started `detached`: its children are signalled too, unless they have left its group */
export function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // No process is left in the group.
  }
}
