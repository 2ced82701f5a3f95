import { createHash } from 'node:crypto'
import type { Clock } from '../../platform/clock.ts'

/** Long enough for parallel commands of one login; short enough that a thief's reuse is still noticed. */
const KEEP_MS = 30_000
const MAX_KEPT = 1_000

interface Kept {
  at: number
  answer: Promise<{ status: number; headers: [string, string][]; body: ArrayBuffer }>
}

/**
 * Two commands that refresh at the same moment present the same refresh token. The first gets it rotated; the
 * second would look like a thief and end the login of both. So a rotation's answer is kept for 30 s and
 * repeated to whoever sends the very same request. Later, reuse revokes the grant (RFC 9700 §4.14.2).
 */
export function refreshReplay(clock: Clock) {
  const kept = new Map<string, Kept>()
  const forgetOld = () => {
    for (const [key, { at }] of kept) {
      if (clock.now() - at < KEEP_MS && kept.size < MAX_KEPT) break
      kept.delete(key)
    }
  }
  /** @param request what the client sent, credentials included. @param rotate asks the provider. */
  return async (request: readonly string[], rotate: () => Promise<Response>): Promise<Response> => {
    forgetOld()
    const key = createHash('sha256').update(JSON.stringify(request)).digest('hex')
    const known = kept.get(key)
    if (known) return toResponse(await known.answer)
    const answer = rotate().then(async (response) => ({
      status: response.status,
      headers: [...response.headers],
      body: await response.arrayBuffer(),
    }))
    kept.set(key, { at: clock.now(), answer })
    try {
      const done = await answer
      if (done.status !== 200) kept.delete(key)
      return toResponse(done)
    } catch (error) {
      kept.delete(key)
      throw error
    }
  }
}

function toResponse({ status, headers, body }: Awaited<Kept['answer']>): Response {
  return new Response(body, { status, headers })
}
