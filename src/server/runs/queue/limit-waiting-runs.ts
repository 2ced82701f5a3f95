/** A limited number of places for each key: how many runs of a tenant may wait for their turn. */
export interface Places {
  /** Of each key. */
  most: number
  /** @returns gives the place back, once however often it is called; undefined when no place is left */
  take(key: string): (() => void) | undefined
  /** How many are taken, of all keys. */
  total(): number
}

export function createPlaces(most: number): Places {
  const taken = new Map<string, Set<symbol>>()

  function take(key: string): (() => void) | undefined {
    const places = taken.get(key) ?? new Set()
    if (places.size >= most) return undefined
    const place = Symbol(key)
    taken.set(key, places.add(place))
    return () => {
      places.delete(place)
      if (places.size === 0 && taken.get(key) === places) taken.delete(key)
    }
  }

  const total = () => [...taken.values()].reduce((sum, places) => sum + places.size, 0)
  return { most, take, total }
}
