/**
 * Computes once for each object, for as long as somebody holds it. What a credential was verified to be is one
 * object until something changes, and so is the principal that it makes.
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
