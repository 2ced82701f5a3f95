/** The line at the head of a run's log about secrets that its source names and that are not set. */
import type { LogEntry } from '../journal/run-journal-type.ts'

/** A source can name thousands. */
const MAX_NAMED = 20

/** @param keys at least one */
export function unsetSecretsWarning(keys: readonly string[]): LogEntry {
  const named = keys.slice(0, MAX_NAMED).join(', ')
  const more = keys.length > MAX_NAMED ? ` and ${keys.length - MAX_NAMED} more` : ''
  const [secrets, are, one] = keys.length === 1 ? ['secret', 'is', 'it'] : ['secrets', 'are', 'one of them']
  const data = `warning: ${secrets} ${named}${more} ${are} not set; a call that needs ${one} will fail\n`
  return { stream: 'stderr', data }
}
