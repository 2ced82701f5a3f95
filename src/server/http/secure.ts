/** What every answer carries, whoever made it. */
const FIXED = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cross-origin-resource-policy': 'same-origin',
} as const

/** What every answer carries unless it says something stricter or more exact itself, as pages do. */
const DEFAULTS = {
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
} as const

/**
 * For answers that add nothing to it, so that they are born with what `secure` would give them: copying this is
 * ten times as fast as setting one after the other. Never changed.
 */
export const SECURE_HEADERS: Headers = new Headers({ ...FIXED, ...DEFAULTS })

export const SECURE_JSON_HEADERS: Headers = new Headers({
  ...FIXED,
  ...DEFAULTS,
  'content-type': 'application/json;charset=utf-8',
})

/** Sees to it that an answer carries them. @param tls whether browsers come by HTTPS */
export function secure(headers: Headers, tls: boolean): void {
  for (const name in FIXED) {
    const value = FIXED[name as keyof typeof FIXED]
    if (headers.get(name) !== value) headers.set(name, value)
  }
  for (const name in DEFAULTS) {
    if (!headers.has(name)) headers.set(name, DEFAULTS[name as keyof typeof DEFAULTS])
  }
  // RFC 6797 §7.2: never over plain HTTP, where it would mean nothing.
  if (tls) headers.set('strict-transport-security', 'max-age=31536000')
}
