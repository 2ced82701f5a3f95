/** The flag that limits how many entries a list shows. */
import { Fault } from '../../contract/fault.ts'
import type { Args } from './argument-definitions.ts'

/** `--limit` of a list that shows everything without it. */
export const LIMIT_FLAG = {
  limit: { type: 'string', alias: 'n', valueHint: 'N', description: 'at most this many (default: all)' },
} as const satisfies Args

/** @throws Fault `usage` */
export function parseLimit(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const limit = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(limit) && limit >= 1) return limit
  throw new Fault('usage', '--limit takes a number from 1')
}
