/** An identity provider whose JWTs this server accepts, as the settings have it. */
import type { Scope } from '../../contract/token-scopes.ts'

/** One entry of the settings. Several can have the same issuer, with other conditions and other rights. */
export interface TrustedIssuer {
  /** How audit log, runs and profiles name it: `github`, `gitlab`, or its address without the scheme. */
  name: string
  /** Compared with `iss` character by character (RFC 7519 §4.1.1). */
  issuer: string
  /** Where its keys are; undefined: where its metadata say (OpenID Connect Discovery). */
  keysUrl: string | undefined
  /** What `aud` has to be. */
  audience: string
  /** Every one of these has to hold. */
  conditions: readonly Condition[]
  tenant: string
  role: 'viewer' | 'member' | 'admin'
  scopes: readonly Scope[]
  /** Patterns of the names of the only pipelines; null: all. */
  pipelines: readonly string[] | null
  /** How far `exp` may lie ahead, and may lie after `iat`. */
  maxLifetimeSeconds: number
}

/** What a token's claims have to be. */
export type Condition =
  /** A rule in CEL over `claims`. */
  | { kind: 'rule'; rule: string }
  /** A claim that matches one of these patterns. */
  | { kind: 'claim'; claim: string; patterns: readonly string[] }
