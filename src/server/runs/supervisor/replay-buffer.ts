/** Small pieces are gathered in blocks of this size: a task that prints a byte at a time costs no more. */
const BLOCK_BYTES = 16 * 1024

/** How much a stream may hold that no server has taken; then the task waits. */
const UNTAKEN_BYTES = 1024 * 1024
/**
 * How much may be kept that was taken and is not stored: many times what a server stores at once. Where a server
 * holds back still more (what could be the beginning of a very long secret), the task goes on, and only loses
 * the possibility to be taken up.
 */
const UNSTORED_BYTES = 4 * 1024 * 1024

/** The output of one stream of a task, from what a server has stored of it to its end. */
export interface ReplayBuffer {
  add(chunk: Uint8Array): void
  /** Resolves when more may be added. */
  room(): Promise<void>
  /** What there is from `offset` on; undefined where that is not kept any more, or has not been yet. */
  from(offset: number): readonly Uint8Array[] | undefined
  /** A server begins, or goes on, at `taken`, and never needs again what is before `stored`. */
  taken(taken: number, stored: number): void
}

export function createReplayBuffer(
  limits = { untaken: UNTAKEN_BYTES, unstored: UNSTORED_BYTES },
): ReplayBuffer {
  let blocks: { bytes: Uint8Array; used: number }[] = []
  /** Offset of the first block's first byte, and of what follows the last byte. */
  let base = 0
  let length = 0
  let taken = 0
  let freed = Promise.withResolvers<void>()

  function add(chunk: Uint8Array): void {
    length += chunk.length
    const last = blocks.at(-1)
    if (last && last.bytes.length - last.used >= chunk.length) {
      last.bytes.set(chunk, last.used)
      last.used += chunk.length
    } else if (chunk.length >= BLOCK_BYTES) {
      blocks.push({ bytes: chunk, used: chunk.length })
    } else {
      const bytes = new Uint8Array(BLOCK_BYTES)
      bytes.set(chunk)
      blocks.push({ bytes, used: chunk.length })
    }
  }

  async function room(): Promise<void> {
    while (length - taken > limits.untaken) await freed.promise
  }

  function from(offset: number): Uint8Array[] | undefined {
    if (!(offset >= base && offset <= length)) return undefined
    const found: Uint8Array[] = []
    let at = base
    for (const { bytes, used } of blocks) {
      if (at + used > offset) found.push(bytes.slice(Math.max(0, offset - at), used))
      at += used
    }
    return found
  }

  function drop(before: number): void {
    if (before >= length) blocks = []
    for (let first = blocks[0]; first && base + first.used <= before; first = blocks[0]) {
      base += first.used
      blocks.shift()
    }
    // Within a block, what was dropped is only forgotten, but it is never given again.
    const [first] = blocks
    if (first && before > base) {
      first.bytes = first.bytes.subarray(before - base)
      first.used -= before - base
    }
    base = Math.max(base, before)
  }

  return {
    add,
    room,
    from,
    taken: (to, stored) => {
      taken = Math.min(to, length)
      drop(Math.min(Math.max(stored, taken - limits.unstored), length))
      freed.resolve()
      freed = Promise.withResolvers()
    },
  }
}
