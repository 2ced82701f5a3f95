/** A column for the concurrency of a pipeline, as JSON. */
import { customType } from 'drizzle-orm/sqlite-core'
import * as v from 'valibot'
import { concurrency, type Concurrency } from '../../contract/api/pipelines.ts'

/**
 * `parallel` is stored under its old name, `queue`: databases keep their form, and an older fob that opens one of them
 * does not take a word that it does not know for "one after the other".
 */
export const storedConcurrency = customType<{ data: Concurrency; driverData: string }>({
  dataType: () => 'text',
  toDriver: (value) => JSON.stringify(value.mode === 'parallel' ? { ...value, mode: 'queue' } : value),
  fromDriver: (text) => v.parse(concurrency, JSON.parse(text)),
})
