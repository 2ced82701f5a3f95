import type { Automaton } from './automaton.ts'

export interface RedactingStream {
  /** What can go out now. May share memory with `chunk`: use it before `chunk` is written to again. */
  push(chunk: Uint8Array): Uint8Array
  /** The rest. The stream then begins anew. */
  end(): Uint8Array
}

/** What streams match against: replaced as a whole when a value is added. */
export interface Patterns {
  automaton: Automaton
  /** Per pattern, the names of the values that it is a form of. */
  names: readonly ReadonlySet<string>[]
}

const MARK_BYTES = new TextEncoder().encode('***REDACTED***')
const NOTHING = new Uint8Array(0)

/** Matches that overlap, as one stretch. Positions count the bytes of the stream since its beginning. */
interface Stretch {
  start: number
  end: number
  /** Per name, where its first match begins: a longer match that begins no later takes the name's place. */
  names: Map<string, number>
}

/**
 * @param current the patterns to look for; asked at each push, so that added values count.
 * @param count called once for each mark and each name it stands for.
 */
export function createStream(
  current: () => Patterns | undefined,
  count: (name: string) => void,
): RedactingStream {
  let patterns: Patterns | undefined
  let state = 0
  /** Bytes seen so far, and how many of them have gone out or are covered by a stretch. */
  let seen = 0
  let settled = 0
  let held = createHold()
  let stretches: Stretch[] = []

  function push(chunk: Uint8Array): Uint8Array {
    const fresh = current()
    if (!fresh) {
      seen += chunk.length
      settled = seen
      return chunk
    }
    const start = seen - held.length()
    const bytes = held.length() === 0 ? chunk : held.append(chunk)
    let from = seen - start
    if (fresh !== patterns) {
      // Look at the held bytes again with the new values. A stretch that began before them is kept.
      patterns = fresh
      state = 0
      from = 0
      stretches = stretches.filter((stretch) => stretch.start < start)
    }
    state = scan(fresh, bytes, { state, from, start }, stretches)
    seen = start + bytes.length
    const live = seen - (fresh.automaton.live[state] ?? 0)
    const out = release(bytes, start, live)
    held.keep(bytes, live - start)
    return out
  }

  /** Emits all that lies before `live`, where the longest partial match begins. */
  function release(bytes: Uint8Array, start: number, live: number): Uint8Array {
    const pieces: Uint8Array[] = []
    let done = 0
    for (const stretch of stretches) {
      if (stretch.start > settled) {
        const end = Math.min(stretch.start, live)
        if (end > settled) pieces.push(bytes.subarray(settled - start, end - start))
        settled = Math.max(settled, end)
      }
      if (stretch.end > live) break
      pieces.push(MARK_BYTES)
      for (const name of stretch.names.keys()) count(name)
      settled = stretch.end
      done += 1
    }
    stretches.splice(0, done)
    const waiting = stretches[0]
    const end = waiting ? Math.min(waiting.start, live) : live
    if (end > settled) {
      pieces.push(bytes.subarray(settled - start, end - start))
      settled = end
    }
    return join(pieces, held.length() > 0)
  }

  function end(): Uint8Array {
    const out = release(held.bytes(), seen - held.length(), seen)
    held = createHold()
    patterns = undefined
    state = seen = settled = 0
    stretches = []
    return out
  }

  return { push, end }
}

/** Runs over the new bytes and adds what matches to `stretches`. @returns the state at the end. */
function scan(
  patterns: Patterns,
  bytes: Uint8Array,
  at: { state: number; from: number; start: number },
  stretches: Stretch[],
): number {
  const { classOf, starts, rowOf, rows, onlyByte, onlyChild, fail, matchLength, matchPattern } =
    patterns.automaton
  const length = bytes.length
  let state = at.state
  for (let i = at.from; i < length; i++) {
    // In the root, most bytes of ordinary text begin nothing.
    if (state === 0) {
      while (i < length && starts[bytes[i] as number] === 0) i++
      if (i === length) break
    }
    const byte = bytes[i] as number
    for (;;) {
      const row = rowOf[state] as number
      if (row >= 0) {
        state = rows[row + (classOf[byte] as number)] as number
        break
      }
      if (onlyByte[state] === byte) {
        state = onlyChild[state] as number
        break
      }
      state = fail[state] as number
    }
    const matched = matchLength[state] as number
    if (matched === 0) continue
    const names = patterns.names[matchPattern[state] as number]
    const end = at.start + i + 1
    if (names) addMatch(stretches, end - matched, end, names)
  }
  return state
}

/** Matches arrive by their end, the longest for each end, so only the last stretches can be touched. */
function addMatch(stretches: Stretch[], start: number, end: number, names: ReadonlySet<string>): void {
  const merged: Stretch = { start, end, names: new Map() }
  for (let last = stretches.at(-1); last && last.end > start; last = stretches.at(-1)) {
    stretches.pop()
    merged.start = Math.min(merged.start, last.start)
    for (const [name, first] of last.names) {
      if (first < start) merged.names.set(name, Math.min(first, merged.names.get(name) ?? first))
    }
  }
  for (const name of names) merged.names.set(name, Math.min(start, merged.names.get(name) ?? start))
  stretches.push(merged)
}

/** Pieces of a held buffer are copied, as that buffer is written to again; a chunk's own pieces are not. */
function join(pieces: Uint8Array[], copy: boolean): Uint8Array {
  const [first] = pieces
  if (!first) return NOTHING
  if (pieces.length === 1 && (!copy || first === MARK_BYTES)) return copyOfMark(first)
  return Buffer.concat(pieces)
}

function copyOfMark(piece: Uint8Array): Uint8Array {
  return piece === MARK_BYTES ? piece.slice() : piece
}

/** Bytes held back: grows at its end and shrinks at its beginning, without a copy a byte. */
function createHold() {
  let buffer = NOTHING
  let from = 0
  let to = 0

  const bytes = () => buffer.subarray(from, to)

  function append(chunk: Uint8Array): Uint8Array {
    if (to + chunk.length > buffer.length) {
      const grown = new Uint8Array(Math.max(64, 2 * (to - from + chunk.length)))
      grown.set(bytes())
      to -= from
      from = 0
      buffer = grown
    }
    buffer.set(chunk, to)
    to += chunk.length
    return bytes()
  }

  /** Keeps what follows the first `drop` of `all`, which is either `append`'s answer or a chunk of its own. */
  function keep(all: Uint8Array, drop: number): void {
    if (to > from) {
      from += drop
      if (from === to) from = to = 0
    } else if (drop < all.length) {
      from = to = 0
      append(all.subarray(drop))
    }
  }

  return { bytes, append, keep, length: () => to - from }
}
