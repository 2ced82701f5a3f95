/** Runs of pipelines on this machine, in a folder that is removed afterwards. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { selfCommand } from '../../platform/processes/self-command.ts'
import { printable } from '../../platform/terminal/make-text-printable.ts'
import { type LocalRuns, openLocalRuns } from '../../server/local-runs/open-local-runs.ts'
import type { Deps } from '../deps.ts'

export type { LocalRun } from '../../server/local-runs/open-local-runs.ts'

/** @param allowed places that scripts may reach beside the internet */
export async function withLocalRuns<T>(
  { io, clock, env }: Deps,
  allowed: readonly string[],
  work: (runs: LocalRuns) => Promise<T>,
): Promise<T> {
  // 0700: it holds what tasks write.
  const folder = await mkdtemp(join(tmpdir(), 'fob-exec-'))
  const say = (message: string) => io.stderr.write(`fob: ${printable(message)}\n`)
  const log = { info: () => {}, warn: say, error: say }
  try {
    const runs = await openLocalRuns({
      folder,
      clock,
      log,
      env,
      allowed,
      sandboxCommand: [...selfCommand(), '__sandbox'],
    })
    try {
      return await work(runs)
    } finally {
      await runs.close()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
