/**
 * Owns: secrets at rest. Every value is sealed under a key that only the operator's passphrase opens.
 * Refuses: to open with a wrong passphrase, to hand a value to anyone but the run that asks for it,
 * and to store anything when no passphrase was given.
 * Backends implement `Vault`; `test/server/vault/contract.ts` is what each has to pass.
 */
import type { Secret } from '../../redact/secret.ts'

/** `global`, or one pipeline's own. */
export type SecretScope = 'global' | `pipeline/${string}`

/** A secret's place. Both names are bound to the ciphertext, so a row moved elsewhere does not open. */
export interface SecretPlace {
  tenantId: string
  scope: SecretScope
  key: string
}

export interface SecretEntry extends SecretPlace {
  /** Milliseconds since 1970. */
  updatedAt: number
}

export interface Vault {
  /** Creates or replaces. @throws Fault `config` when the server has no passphrase. */
  set(place: SecretPlace, value: Secret): Promise<void>
  /** The plaintext, for the resolver alone. @throws Fault `failed` when the row was tampered with. */
  get(place: SecretPlace): Promise<Secret | undefined>
  /** Names only, sorted by scope, then key; without `scope`, those of the whole tenant. */
  list(tenantId: string, scope?: SecretScope): Promise<SecretEntry[]>
  /** False when there was none. */
  remove(place: SecretPlace): Promise<boolean>
  /** Removes all secrets of a scope: what deleting a pipeline does. */
  removeScope(tenantId: string, scope: SecretScope): Promise<void>
}
