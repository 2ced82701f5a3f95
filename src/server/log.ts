/** Structured logs: one JSON object a line on stderr. Never a secret, a token or a body. */
type LogFields = Record<string, string | number | boolean | null | undefined>

export interface Log {
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

export interface ServerLog extends Log {
  /** One request and its response: by far the most of all lines. */
  request(line: RequestLine): void
}

interface RequestLine {
  requestId: string
  method: string
  /** Without the query. */
  path: string
  status: number
  /** How long it took. */
  ms: number
  /** Whose request it was; see `http/access-log.ts` for when it is missing. */
  address: string | undefined
}

/** @param write takes one line without its line end. */
export function jsonLog(write: (line: string) => void, now: () => number): ServerLog {
  let last = { ms: Number.NaN, text: '' }
  /** Many lines fall into one millisecond, and writing a date out costs as much as the rest of a line. */
  const time = () => {
    const ms = now()
    if (ms !== last.ms) last = { ms, text: new Date(ms).toISOString() }
    return last.text
  }
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}) =>
      write(JSON.stringify({ time: time(), level, message, ...fields }))
  return {
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    // Put together by hand, in half the time. Our own IDs and the names of methods have nothing to escape.
    request: ({ requestId, method, path, status, ms, address }) =>
      write(
        `{"time":"${time()}","level":"info","message":"request","requestId":"${requestId}","method":"${method}",` +
          `"path":${JSON.stringify(path)},"status":${status},"ms":${ms}` +
          (address === undefined ? '}' : `,"address":${JSON.stringify(address)}}`),
      ),
  }
}

/** A defect of ours: the log gets its place and the system's code; nobody gets the text, which could carry anything. */
export function logDefect(log: Log, error: unknown, requestId: string): void {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  log.error('defect', {
    requestId,
    kind: error instanceof Error ? error.name : typeof error,
    code: codeOf(error),
    at: stack
      .split('\n')
      .filter((line) => /^\s+at /.test(line))
      .slice(0, 8)
      .map((line) => line.trim())
      .join(' < '),
  })
}

/** Such as `SQLITE_FULL` or `ENOSPC`, of the error or of what it was caused by. */
function codeOf(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if ('code' in at && typeof at.code === 'string' && /^[A-Z][A-Z0-9_]{2,40}$/.test(at.code)) return at.code
  }
  return undefined
}

/** Lines that are on their way out. */
export interface Lines {
  write(line: string): void
  /** Writes what waits. To be called when the process ends, however it ends. */
  flush(): void
}

/**
 * Writes lines together that came in one turn of the event loop: a busy server handles dozens of requests in a
 * turn, and a system call for each of their lines would take as long as the responses. A line waits for no
 * more than that turn.
 * @param write takes lines with their line ends
 * @param whenTurnEnds runs something after the current turn
 */
export function gatherLines(
  write: (text: string) => void,
  whenTurnEnds: (run: () => void) => unknown = setImmediate,
): Lines {
  let waiting = ''
  const flush = () => {
    if (waiting === '') return
    const text = waiting
    waiting = ''
    write(text)
  }
  return {
    write(line) {
      if (waiting === '') whenTurnEnds(flush)
      waiting += `${line}\n`
    },
    flush,
  }
}
