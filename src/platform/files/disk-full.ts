/** Writes that fail because the disk is full. */

/** SQLITE_IOERR_SHMSIZE: there was no room for the index of the write-ahead log. */
const CODES: ReadonlySet<string> = new Set(['SQLITE_FULL', 'SQLITE_IOERR_SHMSIZE', 'ENOSPC', 'EDQUOT'])

/** Whether the error, or what it was caused by, says that the disk is full or the quota used up. */
export function isDiskFull(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if ('code' in at && typeof at.code === 'string' && CODES.has(at.code)) return true
  }
  return false
}

/**
 * Makes a note that nothing depends on, such as when a token was used last: a full disk must not refuse the request
 * that it is about.
 */
export function noteUnlessDiskFull(write: () => void): void {
  try {
    write()
  } catch (error) {
    if (!isDiskFull(error)) throw error
  }
}
