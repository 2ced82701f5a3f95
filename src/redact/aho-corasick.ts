/**
 * Aho-Corasick over bytes: finds all patterns at once, one step a byte, whatever their number.
 * States are numbered depth first over the sorted patterns, so that most have their only child right behind
 * them: 6 bytes a state, and the few other children in a hash table.
 * Every index here is in range by construction, so what is read from an array is written `as number`: a fallback
 * would suggest that something can be missing, and cost time in `step`.
 */
export interface Automaton {
  /** The byte that leads into a state. */
  readonly label: Uint8Array
  /** `LEAF`, `MATCH` and so on; above `SHALLOW_SHIFT` the bytes from the root, 15 for that many or more. */
  readonly flags: Uint8Array
  /** The longest proper suffix of what led here that a pattern begins with. */
  readonly fail: Int32Array
  /** By byte, the root's children. 0 is the root itself. */
  readonly root: Int32Array
  /** Children that are not the first of their parent: by hash, the parent and the child. */
  readonly parents: Int32Array
  readonly children: Int32Array
  /** By pattern: the first state that it does not share with a pattern before it, and that state's depth. */
  readonly first: Int32Array
  readonly firstDepth: Int32Array
}

/** No pattern continues from here. */
const LEAF = 1
/** Has more children than the one behind it. */
const BRANCH = 2
/** A pattern ends here … */
const END = 4
/** … or in the state that is reached by `fail`, and so on. */
export const MATCH = 8
export const SHALLOW_SHIFT = 4
const DEEP = 15

/** @param patterns one byte a character; sorted, none empty, none twice, not none. */
export function buildAutomaton(patterns: readonly string[]): Automaton {
  const shared = patterns.map((pattern, index) => sharedLength(patterns[index - 1] ?? '', pattern))
  const states = patterns.reduce((sum, pattern, index) => sum + pattern.length - (shared[index] as number), 1)
  const slots = 2 ** Math.ceil(Math.log2(4 * patterns.length))
  const built: Automaton = {
    label: new Uint8Array(states),
    flags: new Uint8Array(states),
    fail: new Int32Array(states),
    root: new Int32Array(256),
    parents: new Int32Array(slots).fill(-1),
    children: new Int32Array(slots),
    first: new Int32Array(patterns.length),
    firstDepth: Int32Array.from(shared, (length) => length + 1),
  }
  setFails(built, patterns, addStates(built, patterns))
  return built
}

function sharedLength(a: string, b: string): number {
  let length = 0
  while (length < a.length && a.charCodeAt(length) === b.charCodeAt(length)) length++
  return length
}

/** @returns by pattern, the parent of its first own state. */
function addStates(to: Automaton, patterns: readonly string[]): Int32Array {
  const parents = new Int32Array(patterns.length)
  /** By depth, the states of the pattern at hand. */
  const path: number[] = [0]
  let next = 1
  for (const [index, pattern] of patterns.entries()) {
    const from = (to.firstDepth[index] as number) - 1
    let parent = path[from] as number
    parents[index] = parent
    to.first[index] = next
    for (let at = from; at < pattern.length; at++) {
      const state = next++
      to.label[state] = pattern.charCodeAt(at)
      to.flags[state] = LEAF | (Math.min(at + 1, DEEP) << SHALLOW_SHIFT)
      addChild(to, parent, state)
      path[at + 1] = parent = state
    }
    to.flags[parent] = (to.flags[parent] as number) | END
  }
  return parents
}

function addChild(to: Automaton, parent: number, state: number): void {
  const byte = to.label[state] as number
  const flags = to.flags[parent] as number
  if (parent === 0) to.root[byte] = state
  else if (state !== parent + 1) {
    const { parents, children } = to
    let slot = slotOf(parent, byte) & (parents.length - 1)
    while ((parents[slot] as number) >= 0) slot = (slot + 1) & (parents.length - 1)
    parents[slot] = parent
    children[slot] = state
    to.flags[parent] = flags | BRANCH
    return
  }
  to.flags[parent] = flags & ~LEAF
}

function slotOf(parent: number, byte: number): number {
  const mixed = Math.imul(parent ^ (byte << 23), 0x9e3779b1)
  return mixed ^ (mixed >>> 15)
}

/** Level by level, as a state's link is found by way of its parent's, which leads to a lower level. */
function setFails(to: Automaton, patterns: readonly string[], parents: Int32Array): void {
  const { first, firstDepth, fail, label, flags } = to
  const byDepth = Map.groupBy(patterns.keys(), (index) => firstDepth[index] as number)
  let active: number[] = []
  for (let depth = 1; active.length > 0 || depth === 1 || byDepth.size > 0; depth++) {
    active = active.filter((index) => (patterns[index]?.length ?? 0) >= depth)
    active.push(...(byDepth.get(depth) ?? []))
    byDepth.delete(depth)
    for (const index of active) {
      const from = first[index] as number
      const state = from + depth - (firstDepth[index] as number)
      const parent = state === from ? (parents[index] as number) : state - 1
      const link = parent === 0 ? 0 : step(to, fail[parent] as number, label[state] as number)
      fail[state] = link
      const own = flags[state] as number
      if (own & END || (flags[link] as number) & MATCH) flags[state] = own | MATCH
    }
  }
}

/** @returns the state after `byte`. */
export function step(of: Automaton, state: number, byte: number): number {
  const { label, flags, fail, root, parents, children } = of
  for (let at = state; at !== 0; at = fail[at] as number) {
    const own = flags[at] as number
    if ((own & LEAF) === 0 && label[at + 1] === byte) return at + 1
    if ((own & BRANCH) === 0) continue
    const mask = parents.length - 1
    for (let slot = slotOf(at, byte) & mask; (parents[slot] as number) >= 0; slot = (slot + 1) & mask) {
      const child = children[slot] as number
      if (parents[slot] === at && label[child] === byte) return child
    }
  }
  return root[byte] as number
}

/** @returns the length of the longest suffix that a pattern begins with and continues after: what is held back. */
export function liveLength(of: Automaton, state: number): number {
  let at = state
  while (at !== 0 && ((of.flags[at] as number) & LEAF) !== 0) at = of.fail[at] as number
  return depthOf(of, at)
}

/** @returns the longest pattern that ends in a state with `MATCH`. */
export function longestMatch(of: Automaton, state: number): { length: number; pattern: number } {
  let at = state
  while (((of.flags[at] as number) & END) === 0) at = of.fail[at] as number
  return { length: depthOf(of, at), pattern: ownerOf(of, at) }
}

function depthOf(of: Automaton, state: number): number {
  const depth = (of.flags[state] as number) >> SHALLOW_SHIFT
  if (depth < DEEP) return depth
  const owner = ownerOf(of, state)
  return (of.firstDepth[owner] as number) + state - (of.first[owner] as number)
}

/** @returns the pattern that a state was made for: the last one whose first state is not behind it. */
function ownerOf({ first }: Automaton, state: number): number {
  let low = 0
  let high = first.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((first[middle] as number) <= state) low = middle
    else high = middle - 1
  }
  return low
}
