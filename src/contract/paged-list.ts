import * as v from 'valibot'

/** Lists come in pages: `next` is the cursor of the following one, null at the end. */
export function page<T extends v.GenericSchema>(item: T) {
  return v.looseObject({ items: v.array(item), next: v.nullable(v.string()) })
}
