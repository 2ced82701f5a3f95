/** The volumes of runs as Docker volumes: create, import a folder, export a folder, remove. */
import * as v from 'valibot'
import { Fault } from '../../../../contract/fault.ts'
import { ArchiveError, createTarget } from '../../../../platform/archives/unpack-target-folder.ts'
import { packFolders, packTar } from '../../../../platform/archives/pack-tar.ts'
import { unpackTar } from '../../../../platform/archives/unpack-tar.ts'
import type { VolumePath } from '../driver-interface.ts'
import { kindOf, makeFolders, put } from './write-into-container.ts'
import { createContainer, removeContainer } from './container-api-calls.ts'
import { contentOf, type DaemonClient, DaemonError, type DaemonRequest } from './daemon-client.ts'
import { LABEL, type Labels } from './ownership-labels.ts'
import { checkVolumeName, stepsInVolume } from './container-paths.ts'

/** The volumes of runs as volumes of the daemon. */
export interface Volumes {
  nameOf(runId: string, volume: string): string
  /** @throws Fault `failed` for a volume that the run does not have: the daemon would create an empty one */
  check(runId: string, volume: string): Promise<void>
  create(runId: string, volume: string): Promise<void>
  importFolder(to: VolumePath, folder: string, signal: AbortSignal): Promise<void>
  exportFolder(from: VolumePath, folder: string, signal: AbortSignal): Promise<void>
  /** The run of each volume with these labels (`Labels.filters`), by the name of the volume. */
  list(filters: string): Promise<Map<string, string | undefined>>
  remove(name: string): Promise<void>
}

/** An empty image, created on the daemon: a volume can only be accessed through a container. */
const EMPTY_IMAGE = { repo: 'fob-empty', tag: '1' }
const PLACE = '/volume'
const LIMITS = { maxBytes: 64 * 1024 ** 3, maxEntries: 2_000_000, strays: 'keep links' } as const
const listed = v.looseObject({
  Volumes: v.nullish(
    v.array(v.looseObject({ Name: v.string(), Labels: v.nullish(v.record(v.string(), v.string())) })),
  ),
})

export function createVolumes(daemon: DaemonClient, labels: Labels): Volumes {
  let transfers = 0

  async function check(runId: string, volume: string): Promise<void> {
    checkVolumeName(volume)
    const path = `/volumes/${labels.volumeName(runId, volume)}`
    if (await exists(daemon, { method: 'GET', path })) return
    throw new Fault('failed', `the run has no volume ${volume}`)
  }

  async function create(runId: string, volume: string): Promise<void> {
    checkVolumeName(volume)
    const body = { Name: labels.volumeName(runId, volume), Labels: labels.of('volume', runId) }
    await daemon.send({ method: 'POST', path: '/volumes/create', body })
  }

  /** A container that mounts the volume and is never started. */
  async function withVolume<T>(
    { runId, volume }: VolumePath,
    act: (container: string) => Promise<T>,
  ): Promise<T> {
    await check(runId, volume)
    await makeEmptyImage()
    const id = await createContainer(daemon, {
      name: labels.containerName('transfer', { runId, number: ++transfers }),
      labels: labels.of('transfer', runId),
      image: `${EMPTY_IMAGE.repo}:${EMPTY_IMAGE.tag}`,
      network: 'none',
      command: ['never'],
      env: {},
      user: undefined,
      workingDir: '/',
      mounts: [{ target: PLACE, volume: labels.volumeName(runId, volume) }],
      limits: {},
      hasStdin: false,
    })
    try {
      return await act(id)
    } finally {
      await removeContainer(daemon, id)
    }
  }

  async function makeEmptyImage(): Promise<void> {
    const { repo, tag } = EMPTY_IMAGE
    if (await exists(daemon, { method: 'GET', path: `/images/${repo}:${tag}/json` })) return
    const query = { fromSrc: '-', repo, tag }
    await daemon.send({ method: 'POST', path: '/images/create', query, stream: packFolders([], 0) })
  }

  /** @returns how many of the steps exist. @throws Fault `failed` when one is a link, or not a folder */
  async function walk(id: string, steps: readonly string[], { volume, path }: VolumePath): Promise<number> {
    for (let depth = 1; depth <= steps.length; depth++) {
      const kind = await kindOf(daemon, id, placeOf(steps.slice(0, depth)))
      if (kind === undefined) return depth - 1
      // A link that a task left could lead out of the volume.
      if (kind === 'other') {
        throw new Fault('failed', `${path} is not a folder in the volume ${volume}`)
      }
    }
    return steps.length
  }

  async function importFolder(to: VolumePath, folder: string, signal: AbortSignal): Promise<void> {
    const steps = stepsInVolume(to.path)
    await withVolume(to, async (id) => {
      const there = await walk(id, steps, to)
      const missing = steps.slice(there).map((_, index) => placeOf(steps.slice(0, there + index + 1)))
      await makeFolders(daemon, id, missing)
      await put(daemon, id, placeOf(steps), packTar(folder), signal)
    })
  }

  async function exportFolder(from: VolumePath, folder: string, signal: AbortSignal): Promise<void> {
    const steps = stepsInVolume(from.path)
    await withVolume(from, async (id) => {
      if ((await walk(id, steps, from)) < steps.length) {
        throw new Fault('failed', `there is no ${from.path} in the volume ${from.volume}`)
      }
      const query = { path: `${placeOf(steps)}/.` }
      const response = await daemon.open({ method: 'GET', path: `/containers/${id}/archive`, query, signal })
      try {
        await unpackTar(contentOf(response), createTarget(folder, LIMITS))
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof ArchiveError)) throw error
        throw new Fault('failed', `the volume ${from.volume} cannot be read: ${error.message}`)
      }
    })
  }

  async function list(filters: string): Promise<Map<string, string | undefined>> {
    const { Volumes } = await daemon.json({ method: 'GET', path: '/volumes', query: { filters } }, listed)
    return new Map((Volumes ?? []).map(({ Name, Labels }) => [Name, Labels?.[LABEL.run]]))
  }

  async function remove(name: string): Promise<void> {
    await exists(daemon, { method: 'DELETE', path: `/volumes/${name}`, query: { force: true } })
  }

  return { nameOf: labels.volumeName, check, create, importFolder, exportFolder, list, remove }
}

async function exists(daemon: DaemonClient, request: DaemonRequest): Promise<boolean> {
  try {
    await daemon.send(request)
    return true
  } catch (error) {
    if (error instanceof DaemonError && error.status === 404) return false
    throw error
  }
}

function placeOf(steps: readonly string[]): string {
  return [PLACE, ...steps].join('/')
}
