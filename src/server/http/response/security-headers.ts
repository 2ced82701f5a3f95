/** The security headers of responses. */
/** Headers of every response. */
const FIXED = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cross-origin-resource-policy': 'same-origin',
} as const

/** Headers of every response that does not set them itself, as pages do. */
const DEFAULTS = {
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
} as const

/** Never changed. Copying these is ten times as fast as setting one after the other. */
const JSON_HEADERS = new Headers({
  ...FIXED,
  ...DEFAULTS,
  'content-type': 'application/json;charset=utf-8',
})

/** Marks a response that was created with all of them. */
const HAS_ALL = Symbol('has all security headers')

type Marked = Response & { [HAS_ALL]?: true }

/** A JSON response that has all of them from the start, so that `secure` need not look at it. */
export function secureJson(text: string, status: number): Response {
  const response: Marked = new Response(text, { status, headers: JSON_HEADERS })
  response[HAS_ALL] = true
  return response
}

/** Adds what a response does not have yet. @param tls whether browsers use HTTPS */
export function secure(response: Marked, tls: boolean): void {
  if (response[HAS_ALL] !== true) {
    const { headers } = response
    for (const name in FIXED) headers.set(name, FIXED[name as keyof typeof FIXED])
    for (const name in DEFAULTS) {
      if (!headers.has(name)) headers.set(name, DEFAULTS[name as keyof typeof DEFAULTS])
    }
  }
  // RFC 6797 §7.2: never over plain HTTP, where it would mean nothing.
  if (tls) response.headers.set('strict-transport-security', 'max-age=31536000')
}
