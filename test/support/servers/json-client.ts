/** Calls of the JSON API, and waits until a response meets a condition. */
export interface Answer {
  status: number
  text: string
  headers: Headers
  json(): Record<string, unknown>
}

/** Requests with a JSON body to a server that needs no credential. */
export function jsonClient(url: () => string) {
  return async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const sent =
      body === undefined
        ? {}
        : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
    const response = await fetch(`${url()}${path}`, { method, ...sent })
    const text = await response.text()
    return {
      status: response.status,
      text,
      headers: response.headers,
      json: () => JSON.parse(text) as Record<string, unknown>,
    }
  }
}

/** Asks again until `holds`, for some seconds or as long as it may take. */
export async function until<T>(
  ask: () => Promise<T>,
  holds: (value: T) => boolean,
  waitMs = 15_000,
): Promise<T> {
  const deadline = Date.now() + waitMs
  for (;;) {
    const value = await ask()
    if (holds(value)) return value
    if (Date.now() > deadline) throw new Error(`it never came to that: ${JSON.stringify(value)}`)
    await Bun.sleep(20)
  }
}
