/** What a type of native resource (git, s3) implements, and what it is given. */
import type { Env } from '../../../platform/processes/child-environment.ts'
import type { Network } from '../fetch/allowed-networks.ts'
import type { Reach } from '../fetch/resolve-allowed-address.ts'

/** What tells two states of a resource apart, such as `{ ref: '4f1c…' }`. */
export type Version = Readonly<Record<string, string>>

export interface Outcome {
  version: Version
  /** What a person would like to know of that version: who, when, which file. */
  metadata: { name: string; value: string }[]
}

/** `source` and `params` as the script gave them, each `secret:` in them a `Secret`. */
export interface Asked {
  source: unknown
  params: unknown
}

export interface Workplace {
  /** Empty, private, and removed after the call. */
  scratch: string
  /** Fires when the run ends, or the call has taken too long. */
  signal: AbortSignal
}

/** @throws Fault (all methods) in words without a credential; it is redacted all the same. */
export interface Resource {
  /** With `since`: it, and what is newer; without, or where it is no more: the newest alone. Newest last. */
  check(asked: Asked & { since: Version | undefined }, at: Workplace): Promise<Version[]>
  /** Puts a version, the newest where none is named, into an empty folder. */
  fetch(asked: Asked & { version: Version | undefined }, folder: string, at: Workplace): Promise<Outcome>
  /** @param folder what a task has left: to be trusted with nothing. May be changed. */
  push(asked: Asked, folder: string, at: Workplace): Promise<Outcome>
}

/** What lies beyond the call itself. */
export interface Outside {
  /** Of the server; what each type of resource takes of it, its own file says. */
  env: Env
  /** What may be reached. */
  network: Network
  reach: Reach
}
