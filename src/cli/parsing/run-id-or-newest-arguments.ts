/** The arguments of commands about one run that mean the newest one where no ID is given. */
import { Fault } from '../../contract/fault.ts'
import type { Args } from './argument-definitions.ts'

export const NEWEST_RUN_ARGS = {
  pipeline: {
    type: 'string',
    alias: 'p',
    valueHint: 'NAME',
    description: 'without an ID: the newest run of this pipeline',
    completes: 'pipeline',
  },
  id: {
    type: 'positional',
    required: false,
    description: 'the run, or the beginning of its ID (default: the newest)',
    completes: 'run',
  },
} as const satisfies Args

/** A run by its ID, or the newest one, of a pipeline or of all. */
export type RunChoice = { kind: 'id'; id: string } | { kind: 'newest'; pipeline: string | undefined }

/** @throws Fault `usage` when both are given */
export function parseRunChoice({
  id,
  pipeline,
}: {
  id: string | undefined
  pipeline: string | undefined
}): RunChoice {
  if (id === undefined) return { kind: 'newest', pipeline }
  if (pipeline !== undefined)
    throw new Fault('usage', '--pipeline and the ID of a run cannot be used together')
  return { kind: 'id', id }
}
