/** Creates the container of a task or a sandbox, with image, volumes and folders; it is not started. */
import { Fault } from '../../../../contract/fault.ts'
import type { PlaceSpec } from '../driver-interface.ts'
import { makeFolders } from './write-into-container.ts'
import { StartFailure } from '../task-start-failure.ts'
import { createContainer, removeContainer } from './container-api-calls.ts'
import { type DaemonClient, DaemonError } from './daemon-client.ts'
import type { Images } from './pull-images.ts'
import { mountTarget, OWN_FOLDER } from './container-paths.ts'
import type { Volumes } from './container-volumes.ts'

export interface Places {
  daemon: DaemonClient
  images: Images
  volumes: Volumes
  network: string
}

interface Place extends PlaceSpec {
  name: string
  /** Called after everything has been reported. */
  labels(): Promise<Record<string, string>>
  command: readonly [string, ...string[]]
  user: string | undefined
  workingDir: string
  hasStdin: boolean
}

/**
 * Creates the container of a task or a sandbox, pulling the image if needed. It is not started.
 * @param say receives a line about the pull
 * @throws Fault `failed` for a request that no daemon could serve, StartFailure for what this daemon lacks or refuses
 */
export async function createPlace(
  { daemon, images, volumes, network }: Places,
  place: Place,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<string> {
  if (place.image === undefined) {
    throw new Fault('failed', 'a task of the docker driver needs an image', {
      hint: "name one: image: 'alpine:3.22'",
    })
  }
  const mounts = place.mounts.map((mount) => ({
    target: mountTarget(mount),
    volume: volumes.nameOf(place.runId, mount.volume),
  }))
  for (const { volume } of place.mounts) await volumes.check(place.runId, volume)
  const image = await images.get(place.image, say, signal)
  const { name, command, user, workingDir, env, limits, hasStdin } = place
  const labels = await place.labels()
  const spec = { name, labels, network, command, user, workingDir, env, mounts, limits, hasStdin }
  signal.throwIfAborted()
  const id = await createContainer(daemon, { ...spec, image: place.image })
  try {
    const folders = [OWN_FOLDER, ...mounts.map(({ target }) => target)]
    if (!isRoot(user ?? image.user)) await openUp(daemon, id, folders)
    return id
  } catch (error) {
    await removeContainer(daemon, id)
    throw error
  }
}

/** The daemon creates these folders for root; a task with another user could not write there. */
async function openUp(daemon: DaemonClient, id: string, folders: readonly string[]): Promise<void> {
  try {
    await makeFolders(daemon, id, folders)
  } catch (error) {
    if (!(error instanceof DaemonError)) throw error
    throw new StartFailure(125, `the daemon refused the task's folders: ${error.message}`)
  }
}

function isRoot(user: string): boolean {
  return ['', '0', 'root'].includes(user.split(':')[0] ?? '')
}
