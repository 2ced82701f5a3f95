/** Reads a pipe of a process to its end, or until soon after the process has ended. */

/** How long, and how much, a process that left the group of its task may still print once the task has ended. */
const PATIENCE_MS = 500
const PATIENCE_BYTES = 4 * 1024 * 1024

/**
 * Passes the bytes of a pipe to `sink`, one chunk at a time, so a slow sink slows the writer down. Ends with the pipe,
 * or, where a process that outlived the task still holds it, soon after the task. Only time spent waiting for the
 * pipe counts, so a slow sink never cuts off what the task itself has written.
 */
export async function pump(
  pipe: ReadableStream<Uint8Array>,
  sink: (chunk: Uint8Array) => Promise<void>,
  exited: Promise<unknown>,
): Promise<void> {
  const reader = pipe.getReader()
  let hasExited = false
  let patience = PATIENCE_MS
  let bytesAfter = 0
  /** Starts the countdown for the read in progress. */
  let countDown = nothing
  const watchExit = async () => {
    await exited
    hasExited = true
    countDown()
  }
  void watchExit()

  async function read(): Promise<Uint8Array | undefined> {
    const { promise: quiet, resolve } = Promise.withResolvers<undefined>()
    let since: number | undefined
    let timer: ReturnType<typeof setTimeout> | undefined
    countDown = () => {
      since = performance.now()
      timer = setTimeout(() => resolve(undefined), patience)
    }
    if (hasExited) countDown()
    const result = await Promise.race([reader.read(), quiet])
    countDown = nothing
    clearTimeout(timer)
    if (since !== undefined) patience -= performance.now() - since
    return result?.value
  }

  try {
    for (let chunk = await read(); chunk; chunk = await read()) {
      if (hasExited) bytesAfter += chunk.length
      if (bytesAfter > PATIENCE_BYTES) return
      await sink(chunk)
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

function nothing(): void {}
