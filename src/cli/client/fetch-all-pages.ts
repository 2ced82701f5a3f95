/** Fetches a list of the API, page by page, and filters what servers of before do not filter. */
import type * as v from 'valibot'
import { page } from '../../contract/list-page-schema.ts'
import type { Api } from '../../session/api-client.ts'

const PAGE_SIZE = 500
/** How many items are looked at for those that are wanted: 20 calls to a server that does not filter itself. */
export const MAX_SEARCHED = 10_000

export interface FetchOptions<T> {
  query?: Record<string, string | undefined>
  /** How many are wanted; all without it. */
  limit?: number | undefined
  /** Which are wanted. A server that knows the filter of `query` sends no others; one of before sends all. */
  keep?: (item: T) => boolean
  /** Called where the search was given up after `MAX_SEARCHED` items, and there are more. */
  onGivenUp?: () => void
}

/** Every item of a list, page by page, or the first `limit` of them. */
export async function fetchAll<T>(
  api: Api,
  path: string,
  item: v.GenericSchema<unknown, T>,
  { query, limit = Number.POSITIVE_INFINITY, keep, onGivenUp }: FetchOptions<T> = {},
): Promise<T[]> {
  const items: T[] = []
  let cursor: string | undefined
  let searched = 0
  do {
    const size = String(keep === undefined ? Math.min(PAGE_SIZE, limit - items.length) : PAGE_SIZE)
    const response = await api.request({
      method: 'GET',
      path,
      query: { ...query, limit: size, cursor },
      schema: page(item),
    })
    items.push(...(keep === undefined ? response.items : response.items.filter(keep)))
    cursor = response.next ?? undefined
    searched += PAGE_SIZE
    if (keep !== undefined && cursor !== undefined && searched >= MAX_SEARCHED && items.length < limit) {
      onGivenUp?.()
      break
    }
  } while (cursor !== undefined && items.length < limit)
  return items.slice(0, limit)
}
