/** What a failed `fetch` means, in words that hold nothing of the request. */

const REASONS: readonly (readonly [RegExp, string])[] = [
  [/ConnectionRefused|ECONNREFUSED/, 'the connection was refused'],
  [/ENOTFOUND|EAI_|DNS|FailedToOpenSocket/, 'the connection could not be opened'],
  [/CERT|SIGNATURE|TLS|SSL/i, 'its certificate is not trusted'],
  [/ConnectionClosed|ECONNRESET|EPIPE|UND_ERR_SOCKET/, 'the connection was closed'],
  [/Timeout|ETIMEDOUT/i, 'it did not answer in time'],
]

/** Why a request got no answer, as the end of "cannot reach …: ". */
export function fetchFailure(error: unknown): string {
  const { name, code } = (error ?? {}) as { name?: unknown; code?: unknown }
  const text = `${typeof code === 'string' ? code : ''} ${typeof name === 'string' ? name : ''}`
  return REASONS.find(([mark]) => mark.test(text))?.[1] ?? 'the connection failed'
}
