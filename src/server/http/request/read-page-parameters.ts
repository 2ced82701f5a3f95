/** Reads which page of a list a request asks for. */
import { HttpError } from '../response/http-error.ts'

const DEFAULT_LIMIT = 50
const MAX_LIMIT = 500

/** `?limit=` (1 to 500, default 50) and `?cursor=` (the `next` of the page before). */
export function readPage(url: URL): { limit: number; cursor?: string } {
  const text = url.searchParams.get('limit') ?? String(DEFAULT_LIMIT)
  const limit = Number(text)
  if (!/^\d+$/.test(text) || limit < 1 || limit > MAX_LIMIT) {
    throw new HttpError(400, 'invalid_request', `limit takes a number from 1 to ${MAX_LIMIT}`)
  }
  const cursor = url.searchParams.get('cursor')
  return cursor === null ? { limit } : { limit, cursor }
}
