import * as v from 'valibot'
import { isReservedSecret } from '../../../contract/api/secrets.ts'
import { Fault } from '../../../contract/fault.ts'
import { occursIn } from '../../../redact/secret-forms.ts'
import type { Redactor } from '../../../redact/redactor.ts'
import { Secret } from '../../../redact/secret.ts'
import type { Log } from '../../log.ts'
import type { SecretPlace, Vault } from '../../vault/vault.ts'
import { scopesOf } from '../secrets/resolve-secrets.ts'

const handedIn = v.object({
  args: v.array(v.string()),
  task: v.optional(v.string()),
  /** What a webhook was sent. */
  request: v.optional(v.unknown()),
})
/** What whoever began a run gave it. */
export type HandedIn = v.InferOutput<typeof handedIn>

/** 1 MiB, of the arguments and the task together, and so many of them: each run keeps them, and shows them. */
const MAX_BYTES = 1024 * 1024
const MAX_ARGS = 1000

/** @throws Fault `usage` for more than a run is to be begun with */
export function requireShort({ args, task = '' }: Pick<HandedIn, 'args' | 'task'>): void {
  if (args.length > MAX_ARGS) throw new Fault('usage', `a run has at most ${MAX_ARGS} arguments`)
  const bytes = [...args, task].reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  if (bytes <= MAX_BYTES) return
  throw new Fault('usage', 'the arguments and the task of a run have at most 1 MiB together', {
    hint: 'put what is larger where the pipeline can fetch it',
  })
}

export interface HandedInOptions {
  vault: Vault
  tenantId: string
  pipelineId: string
  log: Log
}

/**
 * A run's arguments are recorded and shown, and someone may hand in a secret's value there. Before anything is
 * stored, they are searched for the values that the pipeline could read, in all encodings; those found count as
 * used by the run.
 * @returns the texts with the values taken out, and whether there were any, in the request too.
 */
export async function redactHandedIn(
  { args, task, request }: HandedIn,
  redactor: Redactor,
  from: HandedInOptions,
): Promise<{ args: string[]; task: string | null; isSecret: boolean }> {
  const texts = [...args, ...(task === undefined ? [] : [task])]
  const all = request === undefined ? texts : [...texts, JSON.stringify(request)]
  if (all.length > 0) await addThoseIn(all, redactor, from)
  const shown = all.map((text) => redactor.text(text))
  const isSecret = shown.some((text, index) => text !== all[index])
  const shownTask = task === undefined ? null : (shown[args.length] ?? null)
  return { args: shown.slice(0, args.length), task: shownTask, isSecret }
}

async function addThoseIn(
  texts: readonly string[],
  redactor: Redactor,
  { vault, tenantId, pipelineId, log }: HandedInOptions,
): Promise<void> {
  for (const scope of scopesOf(pipelineId)) {
    for (const { key } of await vault.list(tenantId, scope)) {
      if (isReservedSecret(key)) continue
      const value = await readable(() => vault.get({ tenantId, scope, key }), log)
      if (value && occursIn(value, texts)) redactor.add(key, value)
    }
  }
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

/**
 * Keeps what was handed in for the time when the run is taken up: sealed where it holds a secret.
 * @returns what can be stored as it is; null where it is in the vault.
 */
export async function keepHandedIn(
  given: HandedIn,
  isSecret: boolean,
  run: { vault: Vault; tenantId: string; runId: string },
): Promise<string | null> {
  const json = JSON.stringify(given)
  if (!isSecret) return json
  await run.vault.set(placeOf(run), new Secret(json))
  return null
}

/** @throws Fault `failed` when it is gone */
export async function readHandedIn(
  kept: string | null,
  run: { vault: Vault; tenantId: string; runId: string },
): Promise<HandedIn> {
  const json = kept ?? (await run.vault.get(placeOf(run)))?.reveal()
  if (json === undefined) throw new Fault('failed', 'what was handed to the run is gone')
  return v.parse(handedIn, JSON.parse(json))
}

/** Once the run cannot be begun again. */
export async function forgetHandedIn(run: { vault: Vault; tenantId: string; runId: string }): Promise<void> {
  await run.vault.remove(placeOf(run))
}

function placeOf({ tenantId, runId }: { tenantId: string; runId: string }): SecretPlace {
  return { tenantId, scope: `run/${runId}`, key: 'HANDED_IN' }
}
