/** The meaning of an error of `fetch`, in words that contain nothing of the request. */

type Reason = readonly [pattern: RegExp, words: string]

/** The errors that occur before a request is sent. */
const UNSENT: readonly Reason[] = [
  [/ConnectionRefused|ECONNREFUSED/, 'the connection was refused'],
  [/ENOTFOUND|EAI_|DNS|FailedToOpenSocket/, 'the connection could not be opened'],
  [/CERT|SIGNATURE|TLS|SSL/i, 'its certificate is not trusted'],
]
const REASONS: readonly Reason[] = [
  ...UNSENT,
  [/ConnectionClosed|ECONNRESET|EPIPE|UND_ERR_SOCKET/, 'the connection was closed'],
  [/Timeout|ETIMEDOUT/i, 'it did not answer in time'],
]

/** Why a request got no response, as the end of "cannot reach …: ". */
export function fetchFailure(error: unknown): string {
  const text = codeAndName(error)
  return REASONS.find(([pattern]) => pattern.test(text))?.[1] ?? 'the connection failed'
}

/** Whether a request that got no response may have reached the server all the same. */
export function mayHaveArrived(error: unknown): boolean {
  const text = codeAndName(error)
  return !UNSENT.some(([pattern]) => pattern.test(text))
}

function codeAndName(error: unknown): string {
  const { name, code } = (error ?? {}) as { name?: unknown; code?: unknown }
  return `${typeof code === 'string' ? code : ''} ${typeof name === 'string' ? name : ''}`
}
