/** Structured logs: one JSON object a line on stderr. Never a secret, a token or a body. */
export type LogFields = Record<string, string | number | boolean | null | undefined>

export interface Log {
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

/** @param write takes one line without its line end. */
export function jsonLog(write: (line: string) => void, now: () => number): Log {
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}) =>
      write(JSON.stringify({ time: new Date(now()).toISOString(), level, message, ...fields }))
  return { info: at('info'), warn: at('warn'), error: at('error') }
}

/** A defect of ours: the log gets the place, nobody gets the text, which could carry anything. */
export function logDefect(log: Log, error: unknown, requestId: string): void {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  log.error('defect', {
    requestId,
    kind: error instanceof Error ? error.name : typeof error,
    at: stack
      .split('\n')
      .filter((line) => /^\s+at /.test(line))
      .slice(0, 8)
      .map((line) => line.trim())
      .join(' < '),
  })
}
