import { isReservedSecret } from '../../contract/api.ts'
import { occursIn } from '../../redact/forms.ts'
import type { Redactor } from '../../redact/redactor.ts'
import type { Secret } from '../../redact/secret.ts'
import type { Log } from '../log.ts'
import type { Vault } from '../vault/vault.ts'
import { scopesOf } from './resolve.ts'

/**
 * A run's arguments are recorded and shown, and someone may hand in a secret's value there. Before anything is
 * stored, they are searched for the values that the pipeline could read, in all encodings; those found count as
 * used by the run.
 * @returns the texts with the values taken out.
 */
export async function redactHandedIn(
  texts: readonly string[],
  redactor: Redactor,
  from: { vault: Vault; tenantId: string; pipelineId: string; log: Log },
): Promise<string[]> {
  if (texts.length === 0) return []
  const { vault, tenantId, pipelineId, log } = from
  for (const scope of scopesOf(pipelineId)) {
    for (const { key } of await vault.list(tenantId, scope)) {
      if (isReservedSecret(key)) continue
      const value = await readable(() => vault.get({ tenantId, scope, key }), log)
      if (value && occursIn(value, texts)) redactor.add(key, value)
    }
  }
  return texts.map((text) => redactor.text(text))
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
