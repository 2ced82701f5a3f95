/** The ceiling on the bytes of request bodies that the server holds at the same time, of all callers together. */
import { HttpError } from '../response/http-error.ts'

/** Six of the largest bodies, or a thousand of the usual bound: what a small machine can spare. */
const MAX_HELD_BYTES = 64 * 1024 * 1024
const RETRY_SECONDS = 2

export interface HeldBodies {
  /** Counts bytes of this request's body that have arrived. @throws HttpError 503 beyond the ceiling */
  add(request: Request, bytes: number): void
  /** Gives back what was counted for this request. */
  release(request: Request): void
}

export function openHeldBodies(most = MAX_HELD_BYTES): HeldBodies {
  const byRequest = new Map<Request, number>()
  let held = 0
  return {
    add: (request, bytes) => {
      if (held + bytes > most) {
        throw new HttpError(503, 'busy', 'the server holds too many unfinished requests', {
          details: { retryAfter: RETRY_SECONDS },
          headers: { 'retry-after': String(RETRY_SECONDS), connection: 'close' },
        })
      }
      held += bytes
      byRequest.set(request, (byRequest.get(request) ?? 0) + bytes)
    },
    release: (request) => {
      const bytes = byRequest.get(request)
      if (bytes === undefined) return
      byRequest.delete(request)
      held -= bytes
    },
  }
}
