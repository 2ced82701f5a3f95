/**
 * Aho-Corasick over bytes: finds all patterns at once, one step a byte, whatever their number.
 * States with a choice have a dense row over the classes of bytes that occur in patterns; the long tails where
 * only one byte leads on keep that byte alone, so a 256 KiB value costs some 20 bytes a byte and not a row.
 */
export interface Automaton {
  /** Class of each byte, 0 for a byte that is in no pattern. */
  readonly classOf: Uint8Array
  /** 1 for a byte that can begin a match: the root is left on no other. */
  readonly starts: Uint8Array
  /** Offset of a state's dense row in `rows`, or -1 where only `onlyByte` leads on, to `onlyChild`. */
  readonly rowOf: Int32Array
  readonly rows: Int32Array
  readonly onlyByte: Int16Array
  readonly onlyChild: Int32Array
  readonly fail: Int32Array
  /** Length of the longest suffix that some pattern begins with and goes on after: what must be held back. */
  readonly live: Int32Array
  /** Length of the longest pattern that ends here, 0 for none, and which one. */
  readonly matchLength: Int32Array
  readonly matchPattern: Int32Array
}

interface Trie {
  size: number
  firstChild: Int32Array
  sibling: Int32Array
  byte: Int16Array
  depth: Int32Array
  /** Index of the pattern that ends in the state, or -1. */
  ends: Int32Array
}

/** @param patterns not empty, none twice. */
export function buildAutomaton(patterns: readonly Uint8Array[]): Automaton {
  const trie = buildTrie(patterns)
  const order = breadthFirst(trie)
  const fail = failLinks(trie, order)
  const size = trie.size
  const live = new Int32Array(size)
  const matchLength = new Int32Array(size)
  const matchPattern = new Int32Array(size).fill(-1)
  for (const state of order) {
    const link = fail[state] ?? 0
    const own = trie.ends[state] ?? -1
    live[state] = trie.firstChild[state] ? (trie.depth[state] ?? 0) : (live[link] ?? 0)
    matchPattern[state] = own >= 0 ? own : (matchPattern[link] ?? -1)
    matchLength[state] = own >= 0 ? (trie.depth[state] ?? 0) : (matchLength[link] ?? 0)
  }
  return { ...transitions(trie, order, fail), fail, live, matchLength, matchPattern }
}

function buildTrie(patterns: readonly Uint8Array[]): Trie {
  const most = patterns.reduce((sum, pattern) => sum + pattern.length, 1)
  const trie: Trie = {
    size: 1,
    firstChild: new Int32Array(most),
    sibling: new Int32Array(most),
    byte: new Int16Array(most).fill(-1),
    depth: new Int32Array(most),
    ends: new Int32Array(most).fill(-1),
  }
  for (const [index, pattern] of patterns.entries()) {
    let state = 0
    for (const byte of pattern) state = childOf(trie, state, byte) || addChild(trie, state, byte)
    trie.ends[state] = index
  }
  return trie
}

/** 0 for none: the root is nobody's child. */
function childOf(trie: Trie, state: number, byte: number): number {
  let child = trie.firstChild[state] ?? 0
  while (child !== 0 && trie.byte[child] !== byte) child = trie.sibling[child] ?? 0
  return child
}

function addChild(trie: Trie, state: number, byte: number): number {
  const child = trie.size++
  trie.byte[child] = byte
  trie.depth[child] = (trie.depth[state] ?? 0) + 1
  trie.sibling[child] = trie.firstChild[state] ?? 0
  trie.firstChild[state] = child
  return child
}

function breadthFirst(trie: Trie): Int32Array {
  const order = new Int32Array(trie.size)
  let end = 1
  for (let at = 0; at < end; at++) {
    let child = trie.firstChild[order[at] ?? 0] ?? 0
    for (; child !== 0; child = trie.sibling[child] ?? 0) order[end++] = child
  }
  return order
}

function failLinks(trie: Trie, order: Int32Array): Int32Array {
  const fail = new Int32Array(trie.size)
  for (const state of order) {
    let child = trie.firstChild[state] ?? 0
    for (; child !== 0; child = trie.sibling[child] ?? 0) {
      if (state === 0) continue
      const byte = trie.byte[child] ?? 0
      let link = fail[state] ?? 0
      while (link !== 0 && childOf(trie, link, byte) === 0) link = fail[link] ?? 0
      fail[child] = childOf(trie, link, byte)
    }
  }
  return fail
}

function transitions(trie: Trie, order: Int32Array, fail: Int32Array) {
  const { classOf, width } = byteClasses(trie)
  const starts = new Uint8Array(256)
  const rowOf = new Int32Array(trie.size).fill(-1)
  const onlyByte = new Int16Array(trie.size).fill(-1)
  const onlyChild = new Int32Array(trie.size)
  let dense = 0
  for (const state of order) {
    const child = trie.firstChild[state] ?? 0
    const oneWay = child !== 0 && trie.sibling[child] === 0
    if (state === 0 || (child !== 0 && !oneWay)) rowOf[state] = dense++ * width
    else if (oneWay) {
      onlyByte[state] = trie.byte[child] ?? -1
      onlyChild[state] = child
    }
  }
  const rows = new Int32Array(dense * width)
  const fillRow = (state: number, row: number) => {
    for (let child = trie.firstChild[state] ?? 0; child !== 0; child = trie.sibling[child] ?? 0) {
      rows[row + (classOf[trie.byte[child] ?? 0] ?? 0)] = child
      if (state === 0) starts[trie.byte[child] ?? 0] = 1
    }
  }
  // Breadth first, so the row that a state falls back to is complete before it is copied.
  for (const state of order) {
    const row = rowOf[state] ?? -1
    if (row < 0) continue
    if (state !== 0) inheritRow(state, row)
    fillRow(state, row)
  }
  return { classOf, starts, rowOf, rows, onlyByte, onlyChild }

  function inheritRow(state: number, row: number): void {
    const oneWays: number[] = []
    let link = fail[state] ?? 0
    for (; (rowOf[link] ?? -1) < 0; link = fail[link] ?? 0) oneWays.push(link)
    const from = rowOf[link] ?? 0
    rows.copyWithin(row, from, from + width)
    for (const oneWay of oneWays.toReversed()) {
      const byte = onlyByte[oneWay] ?? -1
      if (byte >= 0) rows[row + (classOf[byte] ?? 0)] = onlyChild[oneWay] ?? 0
    }
  }
}

function byteClasses(trie: Trie): { classOf: Uint8Array; width: number } {
  const used = new Uint8Array(256)
  for (let state = 1; state < trie.size; state++) used[trie.byte[state] ?? 0] = 1
  // With all 256 bytes in use there is no class for "other", and none is needed.
  let next = used.includes(0) ? 1 : 0
  const classOf = used.map((isUsed) => (isUsed ? next++ : 0))
  return { classOf, width: Math.max(next, 1) }
}
