/** The secrets of one run: `secret:KEY` references become values, which the run's redactor then knows. */
import { isReservedSecret, RESERVED_SECRET_PREFIX, secretKey } from '../../../contract/api/secrets.ts'
import { Fault } from '../../../contract/fault.ts'
import { nearest } from '../../../contract/nearest-word.ts'
import type { Redactor } from '../../../redact/redactor.ts'
import type { Secret } from '../../../redact/secret.ts'
import type { SecretScope, Vault } from '../../vault/vault-interface.ts'
import * as v from 'valibot'
import { referencedSecrets } from './find-secret-references.ts'

const PREFIX = 'secret:'
/** Deeper than any real settings, and shallow enough for any stack. */
const MAX_DEPTH = 64

interface ResolverOptions {
  vault: Vault
  tenantId: string
  pipeline: { id: string; name: string }
  runId: string
  /** Is told each value before it is returned, so that nothing can print it first. */
  redactor: Redactor
  /** Where the secrets of a run without a server come from, for hints; undefined: from a server's store. */
  secretSource?: string | undefined
}

/** The secrets of one run. A value stays as it was when the run first asked for it. */
export interface Resolver {
  /**
   * Looks up what a script's source names, so that the redactor knows it before any of the script runs.
   * @returns the keys that are not set, in the order of the source: a call that needs one of them will fail
   * @throws Fault `failed` for a secret that is set and cannot be used
   */
  prepare(source: string): Promise<string[]>
  /**
   * A copy of `value` in which every string that starts with `secret:`, in nested maps and arrays too, is the
   * `Secret` of that key: the pipeline's own, else the tenant's global one, else the server's. All other values
   * stay as they are.
   * @throws Fault `failed` naming the key and where it was looked for; its hint has the nearest name
   */
  resolve(value: unknown): Promise<unknown>
  /** The keys of those resolved secrets that were changed at or after this instant. */
  changedSince(at: number): Promise<string[]>
}

export function createResolver(options: ResolverOptions): Resolver {
  const { vault, tenantId, pipeline, runId, redactor, secretSource } = options
  const found = new Map<string, { scope: SecretScope; value: Secret }>()
  const used = new Set<string>()

  async function find(key: string): Promise<{ scope: SecretScope; value: Secret } | undefined> {
    const known = found.get(key)
    if (known) return known
    if (isReservedSecret(key)) {
      throw new Fault(
        'failed',
        `secret ${key} cannot be read: ${RESERVED_SECRET_PREFIX}* is the server's own`,
      )
    }
    for (const scope of scopesOf(pipeline.id)) {
      const value = await vault.get({ tenantId, scope, key })
      if (value === undefined) continue
      register(key, value)
      found.set(key, { scope, value })
      return { scope, value }
    }
    return undefined
  }

  function register(key: string, value: Secret): void {
    try {
      redactor.add(key, value)
    } catch (cause) {
      throw new Fault(
        'failed',
        `secret ${key}: the secrets of this run are too long to be kept out of its output`,
        {
          cause,
        },
      )
    }
  }

  async function missing(key: string): Promise<Fault> {
    const names = new Set<string>()
    for (const scope of scopesOf(pipeline.id)) {
      for (const entry of await vault.list(tenantId, scope)) names.add(entry.key)
    }
    const near = nearest(
      key,
      [...names].filter((name) => !isReservedSecret(name)),
    )
    const places = `looked in pipeline ${pipeline.name}, then in global, then in server`
    const setIt =
      secretSource === undefined
        ? `set it with: fob secrets set ${key} --pipeline ${pipeline.name}`
        : `add it to ${secretSource}`
    const hint = near === undefined ? setIt : `did you mean ${near}? Or ${setIt}`
    return new Fault('failed', `secret ${key} is not set: ${places}`, { hint })
  }

  async function resolveWithin(value: unknown, depth: number): Promise<unknown> {
    if (typeof value === 'string') return value.startsWith(PREFIX) ? await resolveReference(value) : value
    if (typeof value !== 'object' || value === null) return value
    if (depth >= MAX_DEPTH) throw new Fault('failed', `settings are nested more than ${MAX_DEPTH} deep`)
    if (Array.isArray(value)) {
      const items: unknown[] = []
      for (const item of value) items.push(await resolveWithin(item, depth + 1))
      return items
    }
    const entries: [string, unknown][] = []
    for (const [key, item] of Object.entries(value)) entries.push([key, await resolveWithin(item, depth + 1)])
    // Not by assignment, which would treat a key `__proto__` specially.
    return Object.fromEntries(entries)
  }

  async function resolveReference(reference: string): Promise<Secret> {
    const key = reference.slice(PREFIX.length)
    if (!v.is(secretKey, key)) {
      throw new Fault('failed', `"${reference.slice(0, 200)}" does not name a secret`, {
        hint: 'write secret:KEY; a key has letters, digits and _ and does not begin with a digit',
      })
    }
    const entry = await find(key)
    if (!entry) throw await missing(key)
    const { scope, value } = entry
    if (!used.has(key)) await vault.touch({ tenantId, scope, key }, runId)
    used.add(key)
    return value
  }

  return {
    prepare: async (source) => {
      const unset: string[] = []
      for (const key of referencedSecrets(source)) if (!(await find(key))) unset.push(key)
      return unset
    },
    resolve: (value) => resolveWithin(value, 0),
    changedSince: async (at) => {
      const scopes = new Set([...found.values()].map(({ scope }) => scope))
      const entries = await Promise.all([...scopes].map((scope) => vault.list(tenantId, scope)))
      return entries
        .flat()
        .filter(({ key, scope, updatedAt }) => found.get(key)?.scope === scope && updatedAt >= at)
        .map(({ key }) => key)
    },
  }
}

/** Where a pipeline looks, in this order. */
export function scopesOf(pipelineId: string): SecretScope[] {
  return [`pipeline/${pipelineId}`, 'global', 'server']
}
