import { Fault } from '../../contract/fault.ts'

/** Which of the secrets of one name is meant. */
export const scopeFlags = {
  pipeline: {
    type: 'string',
    short: 'p',
    value: 'NAME',
    completes: 'pipeline',
    description: 'only for this pipeline (default: for all)',
  },
  scope: {
    type: 'string',
    value: 'SCOPE',
    description: '"server": for the pipelines of all tenants (administrators only)',
  },
} as const

export interface SecretPlaceFlags {
  pipeline: string | undefined
  scope: string | undefined
}

/** The query of a call about one secret. @throws Fault `usage` */
export function placeQuery({ pipeline, scope }: SecretPlaceFlags): Record<string, string | undefined> {
  if (scope !== undefined && scope !== 'server') throw new Fault('usage', '--scope takes "server"')
  if (scope !== undefined && pipeline !== undefined) {
    throw new Fault('usage', 'give either --pipeline or --scope')
  }
  return { pipeline, scope }
}

/** How talk names it: `for deploy`. */
export function placeName({ pipeline, scope }: SecretPlaceFlags): string {
  if (scope !== undefined) return 'for the pipelines of all tenants'
  return pipeline === undefined ? 'for all pipelines' : `for ${pipeline}`
}

/** The same for `-o json`, in the words of `fob secrets list`. */
export function placeOf({ pipeline, scope }: SecretPlaceFlags): { scope: string; pipeline: string | null } {
  return { scope: scope ?? (pipeline === undefined ? 'global' : 'pipeline'), pipeline: pipeline ?? null }
}
