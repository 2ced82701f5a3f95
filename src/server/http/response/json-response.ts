/** JSON responses of the API. */
import { secureJson } from './security-headers.ts'

export function json(
  body: unknown,
  init: { status?: number; headers?: Record<string, string> } = {},
): Response {
  const response = jsonText(JSON.stringify(body), init.status)
  for (const name in init.headers) response.headers.set(name, init.headers[name] ?? '')
  return response
}

/** The same for JSON that is serialized already. */
export function jsonText(text: string, status = 200): Response {
  return secureJson(text, status)
}

/** 204: done, and there is nothing to return. */
export function noContent(): Response {
  return new Response(null, { status: 204 })
}
