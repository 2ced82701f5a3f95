/** Fetches a list of the API, page by page. */
import type * as v from 'valibot'
import { page } from '../../contract/list-page-schema.ts'
import type { Api } from '../../session/api-client.ts'

const PAGE_SIZE = 500

/** Every item of a list, page by page, or the first `limit` of them. */
export async function fetchAll<T>(
  api: Api,
  path: string,
  item: v.GenericSchema<unknown, T>,
  options: { query?: Record<string, string | undefined>; limit?: number } = {},
): Promise<T[]> {
  const limit = options.limit ?? Number.POSITIVE_INFINITY
  const items: T[] = []
  let cursor: string | undefined
  do {
    const size = String(Math.min(PAGE_SIZE, limit - items.length))
    const response = await api.request({
      method: 'GET',
      path,
      query: { ...options.query, limit: size, cursor },
      schema: page(item),
    })
    items.push(...response.items)
    cursor = response.next ?? undefined
  } while (cursor !== undefined && items.length < limit)
  return items
}
