/** Shows, for any driver, whether a process that a task started still runs. */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../../../src/platform/clock.ts'
import type { Mount } from '../../../../src/server/runs/drivers/driver-interface.ts'
import type { Fixture } from './fixture.ts'

/** How a test sees, whatever the driver, whether something that a task started still runs. */
export interface Heartbeat {
  /** For the task that is watched. */
  spec: { runId: string; mounts: Mount[] }
  /** Shell: begins to write to a file from a background process. */
  beat: string
  /** The same, in a session of its own. */
  beatInSession: string
  /** Looks twice, a moment apart. */
  goesOn(): Promise<boolean>
  /** Whether it ever began. */
  hasBegun(): boolean
}

/** Whether a file that something may write to every 50 ms gets longer. */
export async function grows(path: string): Promise<boolean> {
  const before = statSync(path).size
  await systemClock.sleep(600)
  return statSync(path).size !== before
}

export async function heartbeat(fixture: Fixture): Promise<Heartbeat> {
  const runId = fixture.newRun()
  await fixture.driver().createVolume(runId, 'heart')
  const mounts = [{ path: 'heart', volume: 'heart' }]
  const loop = 'while echo x >> heart/beats; do sleep 0.05; done'
  const begun = 'while [ ! -e heart/beats ]; do sleep 0.02; done;'
  const beats = join(await fixture.folderOfVolume(runId, 'heart'), 'beats')
  return {
    spec: { runId, mounts },
    beat: `(${loop}) & ${begun}`,
    beatInSession: `setsid sh -c '${loop}' & ${begun}`,
    goesOn: async () => await grows(beats),
    hasBegun: () => existsSync(beats),
  }
}
