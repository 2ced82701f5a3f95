/**
 * Finds, quickly and not exactly, where a pattern could begin. Wherever a pattern stands in a text, one of the
 * places at which the text is looked at, `stride` bytes apart, has five bytes that begin within the pattern's
 * first `stride`. All such fives are stored in a table of bits, and so are the beginnings of the patterns: what
 * passes both is rare in ordinary text, however many patterns there are.
 */
export interface Filter {
  readonly stride: number
  /** Bytes of a pattern's beginning that are looked at. */
  readonly span: number
  readonly fives: Int32Array
  readonly starts: Int32Array
}

const FIVE = 5
const QUAD = 4
const MAX_STRIDE = 5
/** 2^17 words, half a MiB: room for some 100,000 patterns, and still within the second-level cache. */
const FIVES_SHIFT = 15
const STARTS_SHIFT = 18

/** @returns undefined when a pattern is too short for it. */
export function buildFilter(patterns: readonly string[]): Filter | undefined {
  // Integers all the way: where one of these is a double to the compiler, the search is ten times slower.
  const shortest = patterns.reduce((least, { length }) => Math.min(least, length), 2 ** 30) | 0
  if (shortest < QUAD) return undefined
  const stride = Math.min(MAX_STRIDE, shortest - FIVE + 2) | 0
  const span = Math.min(shortest, stride + FIVE - 1) | 0
  // One size for any number of patterns: a shift that is known beforehand is faster than a table that fits.
  const fives = new Int32Array(2 ** (32 - FIVES_SHIFT))
  const starts = new Int32Array(2 ** (32 - STARTS_SHIFT))
  for (const pattern of patterns) {
    for (let at = 0; at < stride; at++) {
      for (const hash of fivesAt(pattern, at)) setBit(fives, hash >>> FIVES_SHIFT, hash)
    }
    const hash = hashStart(quadOf(pattern, 0), quadOf(pattern, span - QUAD))
    setBit(starts, hash >>> STARTS_SHIFT, hash)
  }
  return { stride, span, fives, starts }
}

/**
 * @param from no pattern begins before it.
 * @returns the first place from `from` on at which a pattern may begin; at the latest, the first one that
 *   leaves too few bytes to tell.
 */
export function nextStart(filter: Filter, text: DataView, from: number): number {
  const { stride, fives } = filter
  const last = text.byteLength - FIVE
  let at = from + stride - 1
  for (; at <= last; at += stride) {
    const hash = hashFive(text.getInt32(at, true), text.getUint8(at + QUAD))
    // A shift takes the last five bits of its count: none of those that chose the word.
    if ((((fives[hash >>> FIVES_SHIFT] as number) >>> (hash >>> 8)) & 1) === 0) continue
    const start = startBefore(filter, text, at)
    if (start >= 0) return start
  }
  return Math.min(at - stride + 1, text.byteLength)
}

/** @returns the first of the places whose first `stride` bytes end at `at` where a pattern may begin, or -1. */
function startBefore({ stride, span, starts }: Filter, text: DataView, at: number): number {
  const last = text.byteLength - span
  for (let start = at - stride + 1; start <= at; start++) {
    if (start > last) return start
    const hash = hashStart(text.getInt32(start, true), text.getInt32(start + span - QUAD, true))
    if ((((starts[hash >>> STARTS_SHIFT] as number) >>> (hash >>> 8)) & 1) === 1) return start
  }
  return -1
}

/** The five bytes at `at`, and all that they could be where the pattern ends a byte too early. */
function fivesAt(pattern: string, at: number): number[] {
  const quad = quadOf(pattern, at)
  if (at + FIVE <= pattern.length) return [hashFive(quad, pattern.charCodeAt(at + QUAD))]
  return Array.from({ length: 256 }, (_, byte) => hashFive(quad, byte))
}

function quadOf(pattern: string, at: number): number {
  return (
    pattern.charCodeAt(at) |
    (pattern.charCodeAt(at + 1) << 8) |
    (pattern.charCodeAt(at + 2) << 16) |
    (pattern.charCodeAt(at + 3) << 24)
  )
}

function hashFive(quad: number, fifth: number): number {
  return Math.imul(quad ^ Math.imul(fifth, 0x85ebca6b), 0x9e3779b1)
}

function hashStart(first: number, last: number): number {
  return Math.imul(Math.imul(first, 0x85ebca6b) ^ last, 0x9e3779b1)
}

function setBit(words: Int32Array, word: number, hash: number): void {
  words[word] = (words[word] ?? 0) | (1 << (hash >>> 8))
}
