/** Lines from a stream of bytes, asked for one at a time; a terminal stays in the mode it was in. */
export interface Lines {
  /**
   * The next line without its end; undefined once the input has ended or cannot be read. What comes while
   * nobody asks waits for the next call. One call at a time.
   * @throws the signal's reason.
   */
  next(signal: AbortSignal): Promise<string | undefined>
  /** Reads no more: what is typed from now on is for whoever reads next. */
  close(): void
}

/** Nothing that a person pastes is longer; a longer line is cut here and goes on as the next one. */
const MAX_LINE_CHARS = 64 * 1024

/** As much of a stream's reader as Bun's and the web's have in common. */
interface Reader {
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>
  cancel(): Promise<unknown>
}

/** @param open called at the first question, so that nothing is read before. */
export function readLines(open: () => ReadableStream<Uint8Array>): Lines {
  const decoder = new TextDecoder()
  let reader: Reader | undefined
  /** A read that was asked for and not yet used: its bytes must not be lost when a wait is given up. */
  let pending: Promise<Uint8Array | undefined> | undefined
  let text = ''
  let ended = false

  const read = async (): Promise<Uint8Array | undefined> => {
    try {
      reader ??= open().getReader()
      const { done, value } = await reader.read()
      return done ? undefined : value
    } catch {
      // A closed descriptor or a terminal that has gone: there is nobody there.
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
 * What `work` gives, or the reason of the signal if that comes first. `work` itself goes on: this is for
 * what cannot be called off.
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
