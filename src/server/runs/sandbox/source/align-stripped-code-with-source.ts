/** Aligns the words of stripped code with those of its source. */
import type { Token } from './script-word-positions.ts'

/** How many comparisons of words one script may cost; after these, words stay without a partner. */
const MOST_COMPARISONS = 8_000_000

/**
 * Finds for each word of stripped code the word of the source that it comes from. Stripping leaves words out and
 * adds a few, and keeps the order of the others. So words that both have equally often are partners, one for one;
 * what lies between two such words is aligned on its own, until nothing is left.
 * @returns for each word of `code` the index of its partner, or -1
 */
export function align(code: readonly Token[], source: readonly Token[]): Int32Array {
  const partners = new Int32Array(code.length).fill(-1)
  let left = MOST_COMPARISONS
  const gaps: Gap[] = [{ code: [0, code.length], source: [0, source.length] }]
  for (let gap = gaps.pop(); gap; gap = gaps.pop()) {
    if (isEmpty(gap)) continue
    left -= size(gap.code) + size(gap.source)
    if (left < 0) return partners
    const anchors = commonWords(code, source, gap)
    for (const [own, other] of anchors) partners[own] = other
    if (anchors.length > 0) {
      gaps.push(...between(anchors, gap))
      continue
    }
    const comparisons = size(gap.code) * size(gap.source)
    if (comparisons > left) continue
    left -= comparisons
    for (const [own, other] of bestPairs(code, source, gap)) partners[own] = other
  }
  return partners
}

/** From the first to before the second. */
type Range = readonly [number, number]
/** An index of the code's words and one of the source's. */
type Pair = readonly [number, number]
interface Gap {
  code: Range
  source: Range
}

const size = ([from, to]: Range) => to - from
const isEmpty = (gap: Gap) => size(gap.code) === 0 || size(gap.source) === 0

/** The words that both have equally often, as far as they are in the same order. */
function commonWords(code: readonly Token[], source: readonly Token[], gap: Gap): Pair[] {
  const places = placesOf(code, gap.code)
  const others = placesOf(source, gap.source)
  const pairs: Pair[] = []
  for (const [text, own] of places) {
    const other = others.get(text)
    if (other?.length !== own.length) continue
    for (const [index, place] of own.entries()) pairs.push([place, other[index] ?? -1])
  }
  return longestRising(pairs.toSorted(([a], [b]) => a - b))
}

function placesOf(tokens: readonly Token[], [from, to]: Range): Map<string, number[]> {
  const places = new Map<string, number[]>()
  for (let at = from; at < to; at++) {
    const text = tokens[at]?.text ?? ''
    const own = places.get(text)
    if (own) own.push(at)
    else places.set(text, [at])
  }
  return places
}

/** The longest sequence of pairs whose second numbers rise as their first ones do. */
function longestRising(pairs: readonly Pair[]): Pair[] {
  /** By length: the chain of it that ends lowest. */
  const ends: { pair: Pair; before: number }[][] = []
  const lowest: number[] = []
  for (const pair of pairs) {
    let low = 0
    let high = lowest.length
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if ((lowest[middle] ?? 0) < pair[1]) low = middle + 1
      else high = middle
    }
    lowest[low] = pair[1]
    const before = (ends[low - 1]?.length ?? 0) - 1
    const own = (ends[low] ??= [])
    own.push({ pair, before })
  }
  const chain: Pair[] = []
  let index = (ends.at(-1)?.length ?? 0) - 1
  for (let length = ends.length - 1; length >= 0; length--) {
    const end = ends[length]?.[index]
    if (!end) break
    chain.push(end.pair)
    index = end.before
  }
  return chain.toReversed()
}

function between(anchors: readonly Pair[], gap: Gap): Gap[] {
  const [codeFrom, codeTo] = gap.code
  const [sourceFrom, sourceTo] = gap.source
  const edges: Pair[] = [[codeFrom - 1, sourceFrom - 1], ...anchors, [codeTo, sourceTo]]
  return edges.slice(1).map(([own, other], index): Gap => {
    const [before, otherBefore] = edges[index] ?? [0, 0]
    return { code: [before + 1, own], source: [otherBefore + 1, other] }
  })
}

/** A longest common subsequence; between equal words their neighbours decide. */
function bestPairs(code: readonly Token[], source: readonly Token[], gap: Gap): Pair[] {
  const width = size(gap.source) + 1
  const scores = new Int32Array((size(gap.code) + 1) * width)
  const worth = (row: number, column: number) =>
    likeness(code[gap.code[0] + row], source[gap.source[0] + column])
  for (let row = size(gap.code) - 1; row >= 0; row--) {
    for (let column = size(gap.source) - 1; column >= 0; column--) {
      const own = worth(row, column)
      const without = Math.max(scores[(row + 1) * width + column] ?? 0, scores[row * width + column + 1] ?? 0)
      const withIt = own > 0 ? own + (scores[(row + 1) * width + column + 1] ?? 0) : 0
      scores[row * width + column] = Math.max(without, withIt)
    }
  }
  const pairs: Pair[] = []
  let row = 0
  let column = 0
  while (row < size(gap.code) && column < size(gap.source)) {
    const score = scores[row * width + column]
    if (score === scores[row * width + column + 1]) {
      column += 1
    } else if (score === scores[(row + 1) * width + column]) {
      row += 1
    } else {
      pairs.push([gap.code[0] + row, gap.source[0] + column])
      row += 1
      column += 1
    }
  }
  return pairs
}

function likeness(one: Token | undefined, other: Token | undefined): number {
  if (!one || one.text !== other?.text) return 0
  return 2 + Number(one.around[0] === other.around[0]) + Number(one.around[1] === other.around[1])
}
