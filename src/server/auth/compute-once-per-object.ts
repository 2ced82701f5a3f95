/**
 * Computes a value once per object, for as long as the object is referenced. A verified credential is one object
 * until something about it changes, and so is the principal derived from it.
 */
export function derived<K extends object, T>(compute: (from: K) => T): (from: K) => T {
  const made = new WeakMap<K, { value: T }>()
  return (from) => {
    const before = made.get(from)
    if (before !== undefined) return before.value
    const value = compute(from)
    made.set(from, { value })
    return value
  }
}
