/**
 * Where sealed values are stored: what a new store has to implement, and how the settings select it. Its line
 * in `backend-registry.ts` is all the rest (docs/architecture.md, "How to add a store for secrets").
 */
import type { Clock } from '../../platform/clock.ts'
import type { Env } from '../../platform/processes/own-and-child-environment.ts'
import type { Secret } from '../../redact/secret.ts'
import type { Db } from '../db/open-database.ts'
import type { Log } from '../log.ts'
import type { KdfCost } from './cipher.ts'
import type { SecretPlace, SecretScope } from './vault-interface.ts'

/** Names one state of a record: two that differ have different ones. Opaque. */
export type Revision = string

export interface StoredRecord {
  sealed: Buffer
  /** When the value was set; moving it to another key does not count. Milliseconds since 1970. */
  updatedAt: number
}

/**
 * Holds bytes by place, and one header. It is given sealed values only and need not keep them secret; what it has
 * to be is durable, and exact about `expected`.
 */
export interface Backend {
  /** What messages call it: `s3://bucket/prefix`. */
  name: string
  /** True for a store that can encrypt by itself: values from before it had a passphrase may lie there in the clear. */
  mayHoldPlain?: true
  readHeader(): Promise<{ text: string; revision: Revision } | undefined>
  /** Only if the header is still `expected`; undefined: only if there is none. False when it is not. */
  writeHeader(text: string, expected: Revision | undefined): Promise<boolean>
  read(place: SecretPlace): Promise<{ record: StoredRecord; revision: Revision } | undefined>
  /** With `expected`, only if the record is still that one; false when it is not. */
  write(place: SecretPlace, record: StoredRecord, expected?: Revision): Promise<boolean>
  /** False when there was none. */
  remove(place: SecretPlace): Promise<boolean>
  /** Of one tenant (and scope), in any order. */
  list(tenantId: string, scope?: SecretScope): Promise<(SecretPlace & { updatedAt: number })[]>
  /** Of all tenants. */
  places(): Promise<SecretPlace[]>
  /**
   * A store that itself encrypts under a key of its client's (SSE-C) gets that key here. It is stored wrapped
   * in the header, which therefore must be readable without it.
   */
  storeKey?: { wanted: boolean; use(key: Buffer): void }
  close(): Promise<void>
}

/** What opens a vault. */
export type Unlock =
  /** `cost` is of a new header, for tests alone: no setting leads here. Absent: that of `newKdfParameters`. */
  { kind: 'passphrase'; passphrase: Secret; cost?: KdfCost } | { kind: 'key file'; key: Secret }

/** What a backend is opened with. */
interface BackendDeps {
  /** The server's own database. */
  db: Db
  /** The tenant that data from before there were tenants belongs to. */
  defaultTenantId: string
  /** Undefined: the vault stays locked. */
  unlock: Unlock | undefined
  clock: Clock
  log: Log
}

/** A store that the settings ask for. */
export interface BackendChoice {
  kind: string
  /** Its own passphrase setting, where it was given. */
  passphrase: Secret | undefined
  /** The flag that would give it one, for messages. */
  passphraseFlag: string
  /** True where the store was told to encrypt: then it may be used without a passphrase of ours. */
  encrypts: boolean
  /** False for a store that ends with the process. */
  lasting: boolean
  /** @throws Fault `config` saying what to fix when the store cannot be used */
  open(deps: BackendDeps): Promise<Backend>
}

/** One row of the table of settings; see `server/settings/setting-table.ts`. */
interface BackendSetting {
  description: string
  value?: string
  secret?: true
  path?: true
}

export interface BackendKind {
  name: string
  /** By name, without the `--`. They start with `secrets-`. */
  settings: Readonly<Record<`secrets-${string}`, BackendSetting>>
  /**
   * @param env the environment, for variables that are not fob's own
   * @returns undefined when the values do not ask for this store
   * @throws Fault `config` on values that clash
   */
  choose(values: Readonly<Record<string, string | undefined>>, env: Env): BackendChoice | undefined
}
