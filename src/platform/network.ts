/** What a failed `fetch` means, in words that hold nothing of the request. */

type Reason = readonly [RegExp, string]

/** What there is before a request is on its way. */
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

/** Why a request got no answer, as the end of "cannot reach …: ". */
export function fetchFailure(error: unknown): string {
  const text = kindOf(error)
  return REASONS.find(([mark]) => mark.test(text))?.[1] ?? 'the connection failed'
}

/** Whether a request that got no answer may have arrived all the same. */
export function mayHaveArrived(error: unknown): boolean {
  const text = kindOf(error)
  return !UNSENT.some(([mark]) => mark.test(text))
}

function kindOf(error: unknown): string {
  const { name, code } = (error ?? {}) as { name?: unknown; code?: unknown }
  return `${typeof code === 'string' ? code : ''} ${typeof name === 'string' ? name : ''}`
}

/** 127.0.0.0/8, ::1 and `localhost`, as `URL.hostname` spells them. */
export function isLoopbackHost(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}

/** What a proxy must never see: these never leave the machine. In the form of `NO_PROXY`. */
const LOOPBACK_NAMES = 'localhost,127.0.0.1,::1'

/**
 * Keeps requests to this machine off a proxy. `fetch` reads `NO_PROXY` from the process, and a call cannot
 * say otherwise: with `HTTP_PROXY` set, a token for 127.0.0.1 would travel to the proxy.
 */
export function keepLoopbackOffProxies(env: Record<string, string | undefined>): void {
  for (const name of ['NO_PROXY', 'no_proxy']) {
    env[name] = [env[name], LOOPBACK_NAMES].filter(Boolean).join(',')
  }
}

/** An answer's body as text; undefined, and nothing more is read, where it has more than `mostBytes`. */
export async function readBounded(response: Response, mostBytes: number): Promise<string | undefined> {
  const chunks: Uint8Array[] = []
  let size = 0
  // Leaving the loop closes the connection.
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    if (size > mostBytes) return undefined
    chunks.push(chunk)
  }
  return new TextDecoder().decode(Buffer.concat(chunks))
}
