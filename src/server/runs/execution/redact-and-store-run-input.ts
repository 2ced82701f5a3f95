/** What a run was given to start with: its arguments, its task, and the request of a webhook. */
import * as v from 'valibot'
import { isReservedSecret } from '../../../contract/api/secrets.ts'
import { Fault } from '../../../contract/fault.ts'
import { occursIn } from '../../../redact/secret-forms.ts'
import type { Redactor } from '../../../redact/redactor.ts'
import { Secret } from '../../../redact/secret.ts'
import type { Log } from '../../log.ts'
import type { SecretPlace, Vault } from '../../vault/vault-interface.ts'
import { scopesOf } from '../secrets/resolve-secrets.ts'

export const runInput = v.object({
  args: v.array(v.string()),
  task: v.optional(v.string()),
  /** The request that a webhook received. */
  request: v.optional(v.unknown()),
})
export type RunInput = v.InferOutput<typeof runInput>

/** Of the arguments and the task together: each run stores them, and shows them. */
const MAX_BYTES = 1024 * 1024
const MAX_ARGS = 1000

/** @throws Fault `usage` for more input than a run may have */
export function requireShort({ args, task = '' }: Pick<RunInput, 'args' | 'task'>): void {
  if (args.length > MAX_ARGS) throw new Fault('usage', `a run has at most ${MAX_ARGS} arguments`)
  const bytes = [...args, task].reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  if (bytes <= MAX_BYTES) return
  throw new Fault('usage', 'the arguments and the task of a run have at most 1 MiB together', {
    hint: 'put what is larger where the pipeline can fetch it',
  })
}

interface InputOptions {
  vault: Vault
  tenantId: string
  pipelineId: string
  log: Log
}

/**
 * The arguments of a run are recorded and shown, and may contain the value of a secret. Before anything is stored,
 * they are searched for the values that the pipeline could read, in all encodings; the run counts as a user of
 * those that are found.
 * @returns the redacted texts, and whether any input, the request too, contained a secret
 */
export async function redactRunInput(
  { args, task, request }: RunInput,
  redactor: Redactor,
  from: InputOptions,
): Promise<{ args: string[]; task: string | null; isSecret: boolean }> {
  const texts = [...args, ...(task === undefined ? [] : [task])]
  const all = request === undefined ? texts : [...texts, JSON.stringify(request)]
  if (all.length > 0) await addSecretsIn(all, redactor, from)
  const shown = all.map((text) => redactor.text(text))
  const isSecret = shown.some((text, index) => text !== all[index])
  const shownTask = task === undefined ? null : (shown[args.length] ?? null)
  return { args: shown.slice(0, args.length), task: shownTask, isSecret }
}

async function addSecretsIn(
  texts: readonly string[],
  redactor: Redactor,
  { vault, tenantId, pipelineId, log }: InputOptions,
): Promise<void> {
  for (const scope of scopesOf(pipelineId)) {
    for (const { key } of await vault.list(tenantId, scope)) {
      if (isReservedSecret(key)) continue
      const value = await readOrSkip(() => vault.get({ tenantId, scope, key }), log)
      if (value && occursIn(value, texts)) redactor.add(key, value)
    }
  }
}

/** A value that cannot be decrypted was not read here, so it cannot have come back as input. */
async function readOrSkip(get: () => Promise<Secret | undefined>, log: Log): Promise<Secret | undefined> {
  try {
    return await get()
  } catch {
    log.warn('a secret could not be read')
    return undefined
  }
}

/**
 * Stores the input for a server that continues or resumes the run: in the vault where it contains a secret.
 * @returns what is to be stored with the run as it is; null where it is in the vault
 */
export async function storeRunInput(
  input: RunInput,
  isSecret: boolean,
  run: { vault: Vault; tenantId: string; runId: string },
): Promise<string | null> {
  const json = JSON.stringify(input)
  if (!isSecret) return json
  await run.vault.set(placeOf(run), new Secret(json))
  return null
}

/** @param stored as `storeRunInput` returned it @throws Fault `failed` when the vault does not have it any more */
export async function readRunInput(
  stored: string | null,
  run: { vault: Vault; tenantId: string; runId: string },
): Promise<RunInput> {
  const json = stored ?? (await run.vault.get(placeOf(run)))?.reveal()
  if (json === undefined) throw new Fault('failed', 'the input of the run is not stored any more')
  return v.parse(runInput, JSON.parse(json))
}

/** To be called once the run cannot be continued or resumed any more. */
export async function removeRunInput(run: { vault: Vault; tenantId: string; runId: string }): Promise<void> {
  await run.vault.remove(placeOf(run))
}

function placeOf({ tenantId, runId }: { tenantId: string; runId: string }): SecretPlace {
  return { tenantId, scope: `run/${runId}`, key: 'HANDED_IN' }
}
