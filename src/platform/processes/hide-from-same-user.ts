import { openLibc } from './libc.ts'

/** `prctl(2)`: with PR_SET_DUMPABLE at 0, `/proc/<pid>/environ`, `mem` and core dumps are root's alone. */
const PR_SET_DUMPABLE = 4

/**
 * Closes this process to other processes of the same user: tasks of the native driver are such processes,
 * and could otherwise read a passphrase out of our environment or memory. Linux only; root can always look.
 * @returns false where it could not be done
 */
export function hideFromSameUser(): boolean {
  if (process.platform !== 'linux') return false
  const libc = openLibc({ prctl: { args: ['i32', 'u64', 'u64', 'u64', 'u64'], returns: 'i32' } })
  return libc?.prctl(PR_SET_DUMPABLE, 0n, 0n, 0n, 0n) === 0
}
