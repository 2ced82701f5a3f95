/** Lists of the API, which come in pages. */
import * as v from 'valibot'

/** One page: `next` is the cursor of the following page, null on the last one. */
export function page<T extends v.GenericSchema>(item: T) {
  return v.looseObject({ items: v.array(item), next: v.nullable(v.string()) })
}
