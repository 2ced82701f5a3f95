/** Checks of the secrets that a script names, before it runs. */
import type { NeededSecret } from '../../../contract/api/pipelines.ts'
import { isReservedSecret, RESERVED_SECRET_PREFIX } from '../../../contract/api/secrets.ts'
import { Fault } from '../../../contract/fault.ts'
import type { Vault } from '../../vault/vault-interface.ts'
import { lexScript } from '../sandbox/source/script-lexer.ts'
import { referencedSecrets } from './find-secret-references.ts'
import { scopesOf } from './resolve-secrets.ts'

/**
 * The secrets that a script will ask for, as far as its source tells, in the order of the source, each with the scope
 * in which a run would find it now.
 */
export async function neededSecrets(
  source: string,
  { vault, tenantId, pipelineId }: { vault: Vault; tenantId: string; pipelineId: string },
): Promise<NeededSecret[]> {
  const wanted = referencedSecrets(source)
  if (wanted.length === 0) return []
  const found = new Map<string, NeededSecret['scope']>()
  for (const scope of scopesOf(pipelineId)) {
    const shown = scope === 'global' || scope === 'server' ? scope : 'pipeline'
    for (const { key } of await vault.list(tenantId, scope)) if (!found.has(key)) found.set(key, shown)
  }
  return wanted.map((key) => ({ key, scope: found.get(key) ?? null }))
}

/** @throws Fault `usage` for a script that asks for a secret that no run is given */
export function refuseReservedSecrets(source: string, filename: string): void {
  const key = referencedSecrets(source).find(isReservedSecret)
  if (key === undefined) return
  throw new Fault(
    'usage',
    `${filename} asks for secret:${key}, and ${RESERVED_SECRET_PREFIX}* is the server's own`,
  )
}

/**
 * A field whose value is `secret:` alone names no secret. Where a script puts a key together itself, the literal is
 * followed by something else.
 * @throws Fault `usage` with line and column
 */
export function refuseEmptyReferences(source: string, filename: string): void {
  for (const { kind, from, to } of lexScript(source)) {
    if (kind !== 'literal' && kind !== 'template') continue
    if (!/^(["'`])secret:\1$/.test(source.slice(from, to))) continue
    const isValue = /:\s*$/.test(source.slice(Math.max(0, from - 80), from))
    if (!isValue || !/^\s*[,}]/.test(source.slice(to, to + 80))) continue
    const before = source.slice(0, from).split('\n')
    const place = `${filename}:${before.length}:${(before.at(-1)?.length ?? 0) + 1}`
    throw new Fault('usage', `${place}: secret: names no secret`, { hint: 'write secret:KEY' })
  }
}
