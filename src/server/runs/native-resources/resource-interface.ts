/** What a type of native resource (git, s3) implements, and what it is given. */
import type { Env } from '../../../platform/processes/own-and-child-environment.ts'
import type { Network } from '../../../guarded-fetch/allowed-networks.ts'
import type { AllowedResolver } from '../../../guarded-fetch/resolve-allowed-address.ts'

/** The identity of one state of a resource, such as `{ ref: '4f1c…' }`. */
export type Version = Readonly<Record<string, string>>

export interface Outcome {
  version: Version
  /** Information about the version for people: author, time, file. */
  metadata: { name: string; value: string }[]
}

/** `source` and `params` of the script, with each `secret:` reference resolved to a `Secret`. */
export interface Asked {
  source: unknown
  params: unknown
}

export interface Workplace {
  /** An empty, private folder that is removed after the call. */
  scratch: string
  /** Fires when the run ends, or the call exceeds its time limit. */
  signal: AbortSignal
}

/** All methods throw a Fault whose message holds no credential; it is redacted all the same. */
export interface Resource {
  /** With `since`: that version and newer ones. Without it, or when it no longer exists: only the newest. Newest last. */
  check(asked: Asked & { since: Version | undefined }, at: Workplace): Promise<Version[]>
  /** Writes a version (default: the newest) into an empty folder. */
  fetch(asked: Asked & { version: Version | undefined }, folder: string, at: Workplace): Promise<Outcome>
  /** @param folder files of a task, which are not trusted. It may be changed. */
  push(asked: Asked, folder: string, at: Workplace): Promise<Outcome>
}

/** What a resource gets from the server. */
export interface Outside {
  /** The environment of the server; each type of resource says in its file what it uses. */
  env: Env
  /** The networks that may be reached. */
  network: Network
  reach: AllowedResolver
}
