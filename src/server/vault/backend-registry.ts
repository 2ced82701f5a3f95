/** The stores for secrets, and the choice among them. */
import { Fault } from '../../contract/fault.ts'
import type { Env } from '../../platform/processes/own-and-child-environment.ts'
import type { BackendChoice, BackendKind } from './backend-interface.ts'
import { s3Kind } from './s3/s3-backend-kind.ts'
import { sqliteKind } from './sqlite/sqlite-backend-kind.ts'

/** Every store for secrets. The first one that the settings ask for is used; SQLite always is asked for. */
export const BACKENDS: readonly BackendKind[] = [s3Kind, sqliteKind]

/** @throws Fault `config` on settings that clash */
export function chooseBackend(
  values: Readonly<Record<string, string | undefined>>,
  env: Env,
  kinds: readonly BackendKind[] = BACKENDS,
): BackendChoice {
  for (const kind of kinds) {
    const choice = kind.choose(values, env)
    if (choice !== undefined) return choice
  }
  throw new Fault('config', 'the settings ask for no store for secrets')
}
