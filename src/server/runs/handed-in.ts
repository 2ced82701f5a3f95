import { createRedactor, type Redactor } from '../../redact/redactor.ts'
import type { Secret } from '../../redact/secret.ts'
import type { Log } from '../log.ts'
import type { Vault } from '../vault/vault.ts'
import { scopesOf } from './resolve.ts'

/**
 * A run's arguments are recorded and shown, and someone may hand in a secret's value there. Before anything is
 * stored, they are searched for the values that the pipeline could read; those found count as used by the run.
 * @returns the texts with the values taken out.
 */
export async function redactHandedIn(
  texts: readonly string[],
  redactor: Redactor,
  from: { vault: Vault; tenantId: string; pipelineId: string; log: Log },
): Promise<string[]> {
  if (texts.length === 0) return []
  const found = createRedactor()
  const values = new Map<string, { key: string; value: Secret }>()
  for (const scope of scopesOf(from.pipelineId)) {
    for (const { key } of await from.vault.list(from.tenantId, scope)) {
      const value = await readable(() => from.vault.get({ tenantId: from.tenantId, scope, key }), from.log)
      if (!value) continue
      values.set(`${scope} ${key}`, { key, value })
      found.add(`${scope} ${key}`, value)
    }
  }
  const shown = texts.map((text) => found.text(text))
  for (const name of found.hits().keys()) {
    const hit = values.get(name)
    if (hit) redactor.add(hit.key, hit.value)
  }
  return shown
}

/** A value that cannot be opened cannot have been handed in by who knows it from here. */
async function readable(get: () => Promise<Secret | undefined>, log: Log): Promise<Secret | undefined> {
  try {
    return await get()
  } catch {
    log.warn('a secret could not be read')
    return undefined
  }
}
