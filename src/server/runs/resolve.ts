import { secretKey } from '../../contract/api.ts'
import { Fault } from '../../contract/fault.ts'
import type { Secret } from '../../redact/secret.ts'
import type { SecretScope, Vault } from '../vault/vault.ts'
import * as v from 'valibot'

const PREFIX = 'secret:'
/** Deeper than anyone nests settings, and shallow enough for any stack. */
const MAX_DEPTH = 64

export interface ResolveFor {
  vault: Vault
  tenantId: string
  pipeline: { id: string; name: string }
  /** Called with each value before it is returned, so that nothing can print it first. */
  register: (key: string, value: Secret) => void
}

/**
 * A copy of `value` in which every string that begins with `secret:`, in nested maps and arrays too, is the
 * `Secret` of that key: the pipeline's own, else the global one. All other values stay as they are (S57, S71, S93).
 * @throws Fault `failed` naming the key and where it was looked for (S64).
 */
export async function resolveSecrets(value: unknown, context: ResolveFor, depth = 0): Promise<unknown> {
  if (typeof value === 'string') return value.startsWith(PREFIX) ? await lookUp(value, context) : value
  if (typeof value !== 'object' || value === null) return value
  if (depth >= MAX_DEPTH) throw new Fault('failed', `settings are nested more than ${MAX_DEPTH} deep`)
  if (Array.isArray(value)) {
    const items: unknown[] = []
    for (const item of value) items.push(await resolveSecrets(item, context, depth + 1))
    return items
  }
  const entries: [string, unknown][] = []
  for (const [key, item] of Object.entries(value)) {
    entries.push([key, await resolveSecrets(item, context, depth + 1)])
  }
  // Not by assignment: a key `__proto__` is a key like any other.
  return Object.fromEntries(entries)
}

/** Where a pipeline looks, in this order. */
export function scopesOf(pipelineId: string): SecretScope[] {
  return [`pipeline/${pipelineId}`, 'global']
}

async function lookUp(reference: string, context: ResolveFor): Promise<Secret> {
  const { vault, tenantId, pipeline, register } = context
  const key = reference.slice(PREFIX.length)
  if (!v.is(secretKey, key)) {
    throw new Fault('failed', `"${reference.slice(0, 200)}" does not name a secret`, {
      hint: 'write secret:KEY; a key has letters, digits and _ and does not begin with a digit',
    })
  }
  for (const scope of scopesOf(pipeline.id)) {
    const value = await vault.get({ tenantId, scope, key })
    if (value === undefined) continue
    register(key, value)
    return value
  }
  throw new Fault('failed', `secret ${key} is not set: looked in pipeline ${pipeline.name}, then in global`, {
    hint: `fob secrets set ${key} --pipeline ${pipeline.name}`,
  })
}
