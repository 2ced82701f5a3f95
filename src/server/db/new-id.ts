/** New IDs of rows, which sort by the time of their creation. */
import { randomUUIDv7 } from 'bun'

export type IdKind = 'usr' | 'ten' | 'pip' | 'run' | 'tok' | 'rnr' | 'svk' | 'pen' | 'inv'

/** A fresh ID such as `run_0192f3…`: UUIDv7 in hex, so IDs of one kind sort by the time they were made. */
export function newId(kind: IdKind): string {
  return `${kind}_${randomUUIDv7('hex').replaceAll('-', '')}`
}
