/**
 * Owns: tasks in containers of a Docker daemon, each in a container of its own or several in a sandbox, and the volumes
 * that they share. Whatever it creates has the label of this server's data folder, and is found again by it.
 * Refuses: to mount anything of the machine, above all the daemon's socket; privileges, and the capabilities that
 * `docker/container-api-calls.ts` lists; a daemon on the network without TLS.
 * A task in a sandbox does not outlive the server, because the daemon stores no output of it.
 */
import type { Clock } from '../../../../platform/clock.ts'
import type { Env } from '../../../../platform/processes/own-and-child-environment.ts'
import type { Log } from '../../../log.ts'
import { createDaemonClient } from './daemon-client.ts'
import { reachPatiently } from './follow-container.ts'
import { createImages, PULL_POLICIES, type PullPolicy } from './pull-images.ts'
import { createLabels, knownServerId, type Labels, serverId } from './ownership-labels.ts'
import { createLeftovers, type Leftovers } from './remove-leftover-containers-and-volumes.ts'
import { mountTarget } from './container-paths.ts'
import { createSandboxes, type Sandboxes } from './container-sandboxes.ts'
import { createTasks, type Tasks } from './container-tasks.ts'
import { createVolumes, type Volumes } from './container-volumes.ts'
import type { Driver } from '../driver-interface.ts'

export { PULL_POLICIES }

export interface DockerSettings {
  /** `unix:///PATH` or `tcp://HOST:PORT`; undefined: as Docker's own command line finds it. */
  host: string | undefined
  /** The daemon's name of the network for tasks. */
  network: string
  pull: PullPolicy
  /** The environment with `DOCKER_HOST` and the like. */
  env: Env
}

export interface DockerDriverOptions {
  settings: DockerSettings
  dataDir: string
  clock: Clock
  log: Log
  /** Between TERM and KILL. */
  graceMs?: number
  /** How long the daemon may be unreachable before its tasks are given up. */
  patienceMs?: number
}

interface Parts {
  labels: Labels
  leftovers: Leftovers
  volumes: Volumes
  sandboxes: Sandboxes
  tasks: Tasks
}

/** The daemon is not contacted before the first task. Every method throws what `DaemonClient.reach` throws. */
export function createDockerDriver(options: DockerDriverOptions): Driver {
  const { settings, dataDir, clock, log, graceMs = 10_000, patienceMs = 60_000 } = options
  const daemon = createDaemonClient(settings)
  const closing = new AbortController()
  let made: Parts | undefined

  /** Created at first use: until then there is no file with an ID. */
  function parts(): Parts {
    made ??= assemble(createLabels(serverId(dataDir)))
    return made
  }

  function assemble(labels: Labels): Parts {
    const images = createImages({ daemon, clock, policy: settings.pull })
    const volumes = createVolumes(daemon, labels)
    const shared = { daemon, clock, images, volumes, labels, network: settings.network, graceMs, patienceMs }
    const sandboxes = createSandboxes(shared)
    const { signal } = closing
    const onRemoved = sandboxes.forget
    const leftovers = createLeftovers({ daemon, clock, log, volumes, closing: signal, onRemoved })
    const tasks = createTasks({ ...shared, removeLater: leftovers.removeLater })
    return { labels, leftovers, volumes, sandboxes, tasks }
  }

  async function sweep(kept: ReadonlySet<string>): Promise<void> {
    if (knownServerId(dataDir) === undefined) return
    try {
      const { labels, leftovers } = parts()
      await leftovers.remove(labels.filters(), (runId) => runId !== undefined && kept.has(runId))
    } catch (error) {
      // A server starts without its daemon; the first task reports it.
      log.warn('what is left on the Docker daemon could not be removed', { error: messageOf(error) })
    }
  }

  return {
    name: 'docker',
    refuse: ({ mounts = [] }) => mounts.forEach(mountTarget),
    ready: (signal) => daemon.reach(signal),
    run: async (spec, sinks, signal) => {
      const { sandbox } = spec
      if (sandbox === undefined) return await parts().tasks.run(spec, sinks, signal)
      return await parts().sandboxes.exec({ ...spec, sandbox }, sinks, signal)
    },
    reattach: async (task, sinks, signal) => {
      // After a boot of the machine, the daemon may start later than this server.
      await reachPatiently({ daemon, clock, graceMs, patienceMs })
      const { tasks, sandboxes } = parts()
      const end = await tasks.reattach(task, sinks, signal)
      if (end === undefined) await sandboxes.endOrphans(task.runId)
      return end
    },
    openSandbox: (spec, signal) => parts().sandboxes.open(spec, signal),
    hasSandbox: async (sandbox) => {
      await reachPatiently({ daemon, clock, graceMs, patienceMs })
      return await parts().sandboxes.has(sandbox)
    },
    closeSandbox: (sandbox) => parts().sandboxes.close(sandbox),
    createVolume: (runId, volume) => parts().volumes.create(runId, volume),
    importFolder: (to, folder, signal) => parts().volumes.importFolder(to, folder, signal),
    exportFolder: (from, folder, signal) => parts().volumes.exportFolder(from, folder, signal),
    cleanUp: async (runId) => {
      if (knownServerId(dataDir) === undefined) return
      const { labels, leftovers } = parts()
      await leftovers.remove(labels.filters(undefined, { runId }), () => false)
    },
    sweep,
    close: async () => closing.abort(new Error('closed')),
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
