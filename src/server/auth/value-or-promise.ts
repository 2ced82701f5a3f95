/** What may be there already. Waiting for a promise costs a request more than everything else in its guard. */
export type Eventually<T> = T | Promise<T>

/** Goes on with a value: at once where it is there. */
export function whenThere<T, U>(value: Eventually<T>, go: (value: T) => Eventually<U>): Eventually<U> {
  return value instanceof Promise ? value.then(go) : go(value)
}
