/**
 * A value that is there already, or a promise of it. A guard that awaits makes Bun copy the request: with promises all
 * the way, a fob that answers `GET /api/v1/profile` reached 0.45 of a bare `Bun.serve`, without them 0.63 (one run of
 * 15 pairs). Used inside `auth/` and by `http/guards/credential-guard.ts`; everything else awaits.
 */
export type Eventually<T> = T | Promise<T>

/** Continues with a value: at once where it is there. */
export function whenThere<T, U>(value: Eventually<T>, next: (value: T) => Eventually<U>): Eventually<U> {
  // oxlint-disable-next-line promise/no-callback-in-promise -- to call `next` at once is what it is for
  return value instanceof Promise ? value.then(next) : next(value)
}
