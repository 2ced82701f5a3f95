/** The flags that say which secret of a name is meant: of a pipeline, of the tenant, or of the whole server. */
import { Fault } from '../../contract/fault.ts'
import type { Args } from './argument-definitions.ts'

export const placeFlags = {
  pipeline: {
    type: 'string',
    alias: 'p',
    valueHint: 'NAME',
    completes: 'pipeline',
    description: 'only for this pipeline (default: for all)',
  },
  scope: {
    type: 'enum',
    options: ['server'],
    valueHint: 'SCOPE',
    description: '"server": for the pipelines of all tenants (administrators only)',
  },
} as const satisfies Args

/** At most one of the two; neither: for all pipelines of the tenant. */
export interface SecretPlace {
  pipeline: string | undefined
  scope: 'server' | undefined
}

/** @throws Fault `usage` when both are given */
export function parsePlace({ pipeline, scope }: SecretPlace): SecretPlace {
  if (scope !== undefined && pipeline !== undefined) {
    throw new Fault('usage', '--pipeline and --scope cannot be used together')
  }
  return { pipeline, scope }
}

/** The query of a call about one secret. */
export function placeQuery({ pipeline, scope }: SecretPlace): Record<string, string | undefined> {
  return { pipeline, scope }
}

/** How messages name it: `for deploy`. */
export function placeName({ pipeline, scope }: SecretPlace): string {
  if (scope !== undefined) return 'for the pipelines of all tenants'
  return pipeline === undefined ? 'for all pipelines' : `for ${pipeline}`
}

/** The same for `-o json`, in the words of `fob secrets list`. */
export function placeRecord({ pipeline, scope }: SecretPlace): { scope: string; pipeline: string | null } {
  return { scope: scope ?? (pipeline === undefined ? 'global' : 'pipeline'), pipeline: pipeline ?? null }
}
