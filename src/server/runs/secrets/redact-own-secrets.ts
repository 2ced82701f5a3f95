/** The secrets of a pipeline are redacted in its runs whether its source names them or not. */
import { isReservedSecret } from '../../../contract/api/secrets.ts'
import type { Redactor } from '../../../redact/redactor.ts'
import type { Secret } from '../../../redact/secret.ts'
import type { SecretPlace, Vault } from '../../vault/vault-interface.ts'
import type { LogEntry } from '../journal/run-journal-type.ts'

/** As many as the redactor reads output at full speed with. */
const MOST = 100
/** In all, so that there is room in the redactor for those that calls need. */
const MOST_BYTES = 64 * 1024

interface OwnSecretsOptions {
  vault: Vault
  tenantId: string
  pipeline: { id: string }
  redactor: Redactor
}

/**
 * Registers the pipeline's own secrets, by name, with the run's redactor: the first 100, up to 64 KiB. Those of the
 * tenant and the server are registered when the run uses them. One that cannot be read was never printed.
 * @returns the names of those that were left out, which are redacted only if the run uses them
 */
export async function redactOwnSecrets(options: OwnSecretsOptions): Promise<string[]> {
  const { vault, tenantId, pipeline, redactor } = options
  const entries = await vault.list(tenantId, `pipeline/${pipeline.id}`)
  const places = entries.filter(({ key }) => !isReservedSecret(key))
  const leftOut = places.slice(MOST).map(({ key }) => key)
  const values = await Promise.all(places.slice(0, MOST).map((place) => readOrSkip(vault, place)))
  let bytes = 0
  for (const [index, { key }] of places.slice(0, MOST).entries()) {
    const value = values[index]
    if (!value) continue
    const { length } = value.bytes()
    if (bytes + length > MOST_BYTES || !tryAdd(redactor, key, value)) leftOut.push(key)
    else bytes += length
  }
  return leftOut
}

async function readOrSkip(vault: Vault, place: SecretPlace): Promise<Secret | undefined> {
  try {
    return await vault.get(place)
  } catch {
    return undefined
  }
}

function tryAdd(redactor: Redactor, key: string, value: Secret): boolean {
  try {
    redactor.add(key, value)
    return true
  } catch {
    return false
  }
}

/** The line at the head of a run's log about those. @param keys at least one */
export function leftOutWarning(keys: readonly string[]): LogEntry {
  const [first] = keys
  const which = keys.length === 1 ? `secret ${first} is` : `${keys.length} secrets (${first} and others) are`
  const data = `warning: ${which} redacted only where this run uses ${keys.length === 1 ? 'it' : 'them'}: the pipeline has more than ${MOST} secrets of its own, or more than ${MOST_BYTES / 1024} KiB\n`
  return { stream: 'stderr', data }
}
