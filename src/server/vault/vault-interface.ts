/**
 * Owns: secrets at rest. Every value is sealed under a data key, and that under the operator's passphrase or key
 * file; where it is stored is a `Backend` (backend-interface.ts) that never sees a value.
 * Refuses: to open with a wrong passphrase, to hand a value to anyone but the run that asks for it,
 * and to store anything when no passphrase was given.
 * `test/server/vault/contract.ts` is what a vault on each backend has to pass.
 */
import type { Secret } from '../../redact/secret.ts'

/**
 * `server`: every tenant's pipelines. `global`: one tenant's. Or one pipeline's own. `run/`: what was provided to one
 * run, which is on no list and which nothing refers to by name.
 */
export type SecretScope = 'server' | 'global' | `pipeline/${string}` | `run/${string}`

/** A secret's place. All of it is bound to the ciphertext, so a row moved elsewhere does not open. */
export interface SecretPlace {
  /** Of no account in the scope `server`, which belongs to no tenant. */
  tenantId: string
  scope: SecretScope
  key: string
}

export interface SecretEntry extends SecretPlace {
  /** Milliseconds since 1970. */
  updatedAt: number
  /** The last run that was given the value. */
  lastUsed: { runId: string; at: number } | undefined
}

/** How far a move to a new data key has come. */
export interface ReEncryptProgress {
  /** The key that everything is moved to. */
  keyId: string
  total: number
  done: number
  /** Those that do not open under any key, so that they cannot be moved. Names, never values. */
  failed: SecretPlace[]
  /** True at the end. With `failed`, the old keys stay. */
  finished: boolean
}

export interface Vault {
  /** Creates or replaces. @throws Fault `config` when the server has no passphrase. */
  set(place: SecretPlace, value: Secret): Promise<void>
  /** The plaintext, for the resolver alone. @throws Fault `failed` when the row was tampered with. */
  get(place: SecretPlace): Promise<Secret | undefined>
  /** Notes that a run was given the value. */
  touch(place: SecretPlace, runId: string): Promise<void>
  /** Names only, sorted by scope, then key; without `scope`, those of the whole tenant but of its runs. */
  list(tenantId: string, scope?: SecretScope): Promise<SecretEntry[]>
  /** False when there was none. */
  remove(place: SecretPlace): Promise<boolean>
  /** Removes all secrets of a scope: what deleting a pipeline does. */
  removeScope(tenantId: string, scope: SecretScope): Promise<void>
  /**
   * Moves values to a new data key, for about a second; called again and again until `finished`. One that was
   * interrupted continues where it stopped.
   * @throws Fault `conflict` while another call is at it, or when the passphrase was rotated since the start
   */
  reEncrypt(): Promise<ReEncryptProgress>
  close(): Promise<void>
}
