/** Reading a stream line by line, on demand; a terminal keeps its mode. */

export interface Lines {
  /**
   * Before the person is asked: what they type from now on arrives as it is typed, however long it is. Without it, the
   * first `next` does so.
   */
  ready(): Promise<void>
  /**
   * The next line without its line end; undefined at the end of the input or where it cannot be read. Input that
   * arrives between two calls is buffered. One call at a time.
   * @throws the signal's reason
   */
  next(signal: AbortSignal): Promise<string | undefined>
  /** Stops reading: later input is left for the next reader of the stream. */
  close(): void
}

/** More than a person pastes; a longer line is cut here and continues as the next one. */
const MAX_LINE_CHARS = 64 * 1024

/** What the readers of Bun's and the web's streams have in common. */
interface Reader {
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>
  cancel(): Promise<unknown>
}

/** @param open called for the first line, so that nothing is read before. */
export function readLines(open: () => ReadableStream<Uint8Array>): Lines {
  const decoder = new TextDecoder()
  let reader: Reader | undefined
  /** A read whose bytes were not used yet: they must not be lost when a wait is aborted. */
  let pending: Promise<Uint8Array | undefined> | undefined
  let text = ''
  let ended = false

  const read = async (): Promise<Uint8Array | undefined> => {
    try {
      reader ??= open().getReader()
      const { done, value } = await reader.read()
      return done ? undefined : value
    } catch {
      // A closed descriptor, or a terminal that is gone: the same as the end.
      return undefined
    }
  }
  const takeLine = (): string | undefined => {
    const end = text.indexOf('\n')
    const cut = end < 0 || end > MAX_LINE_CHARS ? MAX_LINE_CHARS : end
    if (end < 0 && text.length < MAX_LINE_CHARS && !(ended && text !== '')) return undefined
    const line = text.slice(0, cut)
    text = text.slice(cut === end ? cut + 1 : cut)
    return line.replace(/\r$/, '')
  }

  return {
    ready: async () => {},
    next: async (signal) => {
      for (;;) {
        const line = takeLine()
        if (line !== undefined || ended) return line
        pending ??= read()
        const bytes = await orAborted(pending, signal)
        pending = undefined
        if (bytes === undefined) ended = true
        text += bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true })
      }
    },
    close: () => {
      ended = true
      text = ''
      void reader?.cancel().catch(() => {})
    },
  }
}

/**
 * The result of `work`, or a rejection with the signal's reason if that comes first. `work` itself continues:
 * this is for what cannot be cancelled.
 */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const stop = () => aborted.reject(signal.reason as Error)
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
