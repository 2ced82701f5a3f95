/** Which scripts were found good by this server: one that is set again as it is needs no process to be checked. */
import { createHash } from 'node:crypto'

interface CheckedScript {
  /** How long a check takes tells nobody what others run. */
  tenantId: string
  source: string
  /** Says the language, and stands in errors. */
  filename: string
}

export interface CheckedScripts {
  isGood(script: CheckedScript): boolean
  addGood(script: CheckedScript): void
}

/** Some 100 KiB. */
const MOST = 1000

/** What is good stays so for as long as the server runs. What was refused is checked again each time. */
export function createCheckedScripts(): CheckedScripts {
  const good = new Set<string>()
  return {
    isGood: (script) => good.has(digestOf(script)),
    addGood: (script) => {
      const [oldest] = good
      if (good.size >= MOST && oldest !== undefined) good.delete(oldest)
      good.add(digestOf(script))
    },
  }
}

function digestOf({ tenantId, source, filename }: CheckedScript): string {
  return createHash('sha256')
    .update(JSON.stringify([tenantId, filename, source]))
    .digest('base64')
}
