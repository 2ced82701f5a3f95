/** The buffered output of one stream of a task, for a server that attaches to the task later. */
/** Small pieces are collected in blocks of this size, so that a task that prints single bytes costs no more. */
const BLOCK_BYTES = 16 * 1024

/** The most that may be buffered and not yet taken by a server; then the task waits. */
const UNTAKEN_BYTES = 1024 * 1024
/**
 * The most that may be buffered after a server has taken it and before it is stored: many times what a server stores
 * at once. When a server holds back more (it may be the start of a very long secret), the task continues and only
 * loses the possibility to be reattached to.
 */
const UNSTORED_BYTES = 4 * 1024 * 1024

/** The output of one stream of a task, from the offset that a server has stored to its end. */
export interface ReplayBuffer {
  add(chunk: Uint8Array): void
  /** Resolves when more may be added. */
  room(): Promise<void>
  /** The output from `offset` on; undefined when it was dropped already, or has not been written yet. */
  from(offset: number): readonly Uint8Array[] | undefined
  /** A server has received everything up to `taken` and never needs what is before `stored` again. */
  taken(taken: number, stored: number): void
}

export function createReplayBuffer(
  limits = { untaken: UNTAKEN_BYTES, unstored: UNSTORED_BYTES },
): ReplayBuffer {
  let blocks: { bytes: Uint8Array; used: number }[] = []
  /** The offset of the first buffered byte, and the offset after the last one. */
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
    // Bytes dropped inside a block still use memory, but are never returned again.
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
