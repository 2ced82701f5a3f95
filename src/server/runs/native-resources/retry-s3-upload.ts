/** Repeats an upload whose body is a stream, which the SDK sends once only: a stream that was read cannot be sent again. */
import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf, statusOf } from '../../vault/s3/explain-s3-errors.ts'

/** As the SDK waits: doubled each time, and a random part of that, so that clients do not come back together. */
const FIRST_WAIT_MS = 200
const MAX_WAIT_MS = 20_000
/** The server did not get the body in time, or reads no more of it. */
const CODES = new Set(['RequestTimeout', 'SlowDown', 'Throttling', 'ThrottlingException'])
const STATUSES = new Set([429, 500, 502, 503, 504])

/**
 * @param upload opens the stream anew each time
 * @throws what the last attempt threw, and at once what another attempt would not change
 */
export async function retryUpload<T>(
  upload: () => Promise<T>,
  { attempts, signal }: { attempts: number; signal: AbortSignal },
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await upload()
    } catch (error) {
      if (attempt === attempts || signal.aborted || !isTransient(error)) throw error
      const most = Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt)
      await sleep(Math.random() * most, undefined, { signal })
    }
  }
}

/** Without a status the connection broke, or never was. */
function isTransient(error: unknown): boolean {
  const status = statusOf(error)
  return status === undefined ? isNetworkError(error) : STATUSES.has(status) || CODES.has(codeOf(error))
}

function isNetworkError(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code } = error as NodeJS.ErrnoException
  return error.name === 'TimeoutError' || /^E(?:CONN|PIPE|TIMEDOUT|HOSTUNREACH|NETUNREACH)/.test(code ?? '')
}
