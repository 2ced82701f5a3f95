/** Shows, for any driver, whether a process that a task started still runs. */
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
  hasBegun(): Promise<boolean>
}

export async function heartbeat(fixture: Fixture): Promise<Heartbeat> {
  const runId = fixture.newRun()
  await fixture.driver().createVolume(runId, 'heart')
  const mounts = [{ path: 'heart', volume: 'heart' }]
  const loop = 'while echo x >> heart/beats; do sleep 0.05; done'
  const begun = 'while [ ! -e heart/beats ]; do sleep 0.02; done;'
  const look = async (script: string) => (await fixture.run(script, { runId, mounts })).stdout
  return {
    spec: { runId, mounts },
    beat: `(${loop}) & ${begun}`,
    beatInSession: `setsid sh -c '${loop}' & ${begun}`,
    goesOn: async () => {
      const [before, after] = (await look('wc -l < heart/beats; sleep 0.6; wc -l < heart/beats')).split('\n')
      return before?.trim() !== after?.trim()
    },
    hasBegun: async () => (await look('[ -e heart/beats ] && echo yes')) === 'yes\n',
  }
}
