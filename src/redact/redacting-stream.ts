/**
 * One stream through the redactor. Each push goes through four steps:
 * 1. `push` asks for the patterns of now, and puts the chunk behind the bytes that are held back.
 * 2. `scan` runs the automaton over the new bytes, led by the filter; a value that was added meanwhile makes it start
 *    again at the first held byte. Matches that overlap become one stretch.
 * 3. `release` emits all before the longest partial match that is still possible: bytes outside of stretches as they
 *    are, and a mark for each stretch.
 * 4. `held.keep` holds back the rest until the next push, or until `end`, which emits it.
 * The trade: nothing that may be part of a value is emitted, however long that takes; there are no timers.
 */
import { type Automaton, liveLength, longestMatch, MATCH, SHALLOW_SHIFT, step } from './aho-corasick.ts'
import { type Filter, nextStart } from './find-pattern-candidates.ts'

export interface RedactingStream {
  /**
   * What can go out now, in pieces, so that nothing is copied to stand in a row. They may share memory with
   * `chunk` and with other marks: use them before `chunk` is written to again, and write to none of them.
   */
  push(chunk: Uint8Array): Uint8Array[]
  /** The rest. The stream can then be used again from the start. */
  end(): Uint8Array[]
  /** How many of the last bytes that were pushed may still be part of a value. */
  held(): number
}

/** What streams match against: replaced as a whole when a value is added. */
export interface Patterns {
  automaton: Automaton
  /** Undefined when a pattern is too short for it: every byte then goes through the automaton. */
  filter: Filter | undefined
  /** Per pattern, the names of the values that it is a form of. */
  names: readonly (ReadonlySet<string> | undefined)[]
}

export const MARK = '***REDACTED***'
const MARK_BYTES = new TextEncoder().encode(MARK)
/** Bytes of a large chunk that are joined to what is held from before. */
const JOINED = 64
const NOBODY: ReadonlySet<string> = new Set()
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

  function push(chunk: Uint8Array): Uint8Array[] {
    const fresh = current()
    if (!fresh) {
      seen += chunk.length
      settled = seen
      return [chunk]
    }
    const waiting = held.length()
    if (waiting === 0) return advance(fresh, chunk, 0)
    // A large chunk is not copied to stand behind what is held, only as much of it as mostly decides that.
    const joined = chunk.length > 2 * JOINED ? JOINED : chunk.length
    const first = copies(advance(fresh, held.append(chunk.subarray(0, joined)), waiting))
    if (joined === chunk.length) return first
    const left = held.length()
    if (left > joined) {
      return [...first, ...copies(advance(fresh, held.append(chunk.subarray(joined)), left))]
    }
    held.clear()
    return [...first, ...advance(fresh, chunk.subarray(joined - left), left)]
  }

  /**
   * @param bytes what is held, and what follows it.
   * @param known how many of them have been here before.
   */
  function advance(fresh: Patterns, bytes: Uint8Array, known: number): Uint8Array[] {
    const start = seen - known
    let from = known
    if (fresh !== patterns) {
      // Scan the held bytes again with the new values. A stretch that started before them stays.
      patterns = fresh
      state = 0
      from = 0
      stretches = stretches.filter((stretch) => stretch.start < start)
    }
    state = scan(fresh, bytes, { state, from, start }, stretches)
    seen = start + bytes.length
    const live = seen - liveLength(fresh.automaton, state)
    const out = release(bytes, start, live)
    held.keep(bytes, live - start)
    return out
  }

  /** Emits all before `live`, where the longest partial match starts. */
  function release(bytes: Uint8Array, start: number, live: number): Uint8Array[] {
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
    return pieces
  }

  function end(): Uint8Array[] {
    const out = release(held.bytes(), seen - held.length(), seen)
    held = createHold()
    patterns = undefined
    state = seen = settled = 0
    stretches = []
    return out
  }

  return { push, end, held: () => seen - settled }
}

/**
 * Scans the new bytes and adds the matches to `stretches`. The automaton alone decides; in its root state, the
 * filter leads it to the next place at which a pattern could start.
 * @returns the state at the end.
 */
function scan(
  { automaton, filter, names }: Patterns,
  bytes: Uint8Array,
  at: { state: number; from: number; start: number },
  stretches: Stretch[],
): number {
  const { flags } = automaton
  const length = bytes.length
  const text = new DataView(bytes.buffer, bytes.byteOffset, length)
  // Behind `rest` too little is left for the filter, and without one that is everywhere.
  const rest = filter ? length - filter.span : -1
  const shallow = filter?.span ?? 0
  let { state, from: next } = at
  /** Where the filter led the automaton: a partial match from there on is followed until it fails. */
  let led = next - ((flags[state] as number) >> SHALLOW_SHIFT)
  for (;;) {
    if (filter && state === 0) next = led = nextStart(filter, text, next)
    while (next < length) {
      state = step(automaton, state, bytes[next++] as number)
      const own = flags[state] as number
      if ((own & MATCH) !== 0) {
        const match = longestMatch(automaton, state)
        const end = at.start + next
        addMatch(stretches, end - match.length, end, names[match.pattern] ?? NOBODY)
      }
      const inHand = own >> SHALLOW_SHIFT
      if (inHand < shallow && next - inHand > led && next <= rest) break
    }
    if (next === length) return state
    // The partial match is so short that the filter can judge it faster.
    next -= (flags[state] as number) >> SHALLOW_SHIFT
    state = 0
  }
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

/** Of pieces of the held buffer, which is written to again. */
function copies(pieces: readonly Uint8Array[]): Uint8Array[] {
  return pieces.map((piece) => piece.slice())
}

/** A buffer of the bytes that are held back: grows at its end and shrinks at its start, without a copy for each byte. */
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

  /** Holds back what follows the first `drop` of `all`, which is either `append`'s result or a chunk of its own. */
  function keep(all: Uint8Array, drop: number): void {
    if (to > from) {
      from += drop
      if (from === to) from = to = 0
    } else if (drop < all.length) {
      from = to = 0
      append(all.subarray(drop))
    }
  }

  function clear(): void {
    from = to = 0
  }

  return { bytes, append, keep, clear, length: () => to - from }
}
