/** The Docker driver for the driver contract: how it is opened, also in a process to be killed. */
import { systemClock } from '../../../../src/platform/clock.ts'
import {
  createDockerDriver,
  type DockerSettings,
} from '../../../../src/server/runs/drivers/docker/docker-driver.ts'
import type { Driver } from '../../../../src/server/runs/drivers/driver-interface.ts'
import { createLabels, knownServerId } from '../../../../src/server/runs/drivers/docker/ownership-labels.ts'
import { jsonLog } from '../../../../src/server/log.ts'
import { type DockerEngine, IMAGE, NETWORK } from '../../../support/real-parts/docker-engine.ts'
import type { DriverWorld } from './contract.ts'

/** For the process that is killed: where the daemon of the tests is. */
export const HOST_VARIABLE = 'FOB_TEST_DOCKER_HOST'

/** As a server would have it, with 300 ms between TERM and KILL. */
export function openDockerDriver(
  dataDir: string,
  host: string,
  more: Partial<DockerSettings> & { patienceMs?: number; log?: (line: string) => void } = {},
): Driver {
  const { patienceMs = 20_000, log = () => {}, ...settings } = more
  return createDockerDriver({
    settings: { host, network: NETWORK, pull: 'missing', env: {}, ...settings },
    dataDir,
    clock: systemClock,
    log: jsonLog(log, Date.now),
    graceMs: 300,
    patienceMs,
  })
}

export function dockerWorld(daemon: DockerEngine): DriverWorld {
  process.env[HOST_VARIABLE] = daemon.host
  return {
    name: 'docker',
    image: IMAGE,
    can: {
      user: true,
      limits: true,
      absolutePaths: true,
      endsSessions: true,
      slowsTasksDown: true,
      reattach: true,
      endsTasksInSandboxes: true,
    },
    startMs: 3000,
    open: async (folder) => openDockerDriver(folder, daemon.host),
    processEntry: 'docker-process.ts',
    folderOfVolume: async (folder, runId, volume) =>
      await daemon.folderOfVolume(createLabels(knownServerId(folder) ?? '').volumeName(runId, volume)),
    leftOf: async (folder, runId) => {
      const labels = [`fob.run=${runId}`, `fob.server=${knownServerId(folder)}`]
      return [...(await daemon.containersWith(...labels)), ...(await daemon.volumesWith(...labels))]
    },
  }
}
