/** Protection from other processes of the same user (`PR_SET_DUMPABLE`). */
import { openLibc } from './open-libc.ts'

/** `prctl(2)`: at 0, `/proc/<pid>/environ` and `mem` belong to root, and no core is dumped. */
const PR_SET_DUMPABLE = 4

/**
 * Makes the memory and environment of this process unreadable for other processes of its user. Tasks of the native
 * driver are such processes, and could otherwise read a passphrase there. Linux only; root can always read.
 * @returns false where it was not possible
 */
export function hideFromSameUser(): boolean {
  if (process.platform !== 'linux') return false
  const libc = openLibc({ prctl: { args: ['i32', 'u64', 'u64', 'u64', 'u64'], returns: 'i32' } })
  return libc?.prctl(PR_SET_DUMPABLE, 0n, 0n, 0n, 0n) === 0
}
