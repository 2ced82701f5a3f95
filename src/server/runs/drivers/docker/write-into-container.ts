/** Writes folders and files into a container, and tells the kind of a path, by the archive calls of the Engine API. */
import * as v from 'valibot'
import { packFolders } from '../../../../platform/archives/pack-tar.ts'
import { type DaemonClient, DaemonError } from './daemon-client.ts'

/** Bits of Go's `os.FileMode`, by which the daemon reports the kind of a path. */
const GO_DIRECTORY = 2 ** 31
const GO_SYMLINK = 2 ** 27

const pathStat = v.looseObject({ mode: v.number() })

/** The kind of a path in a container, running or not; a link at its end is not followed. */
export async function kindOf(
  daemon: DaemonClient,
  id: string,
  path: string,
): Promise<'folder' | 'other' | undefined> {
  try {
    const response = await daemon.open({ method: 'HEAD', path: `/containers/${id}/archive`, query: { path } })
    const stat = Buffer.from(response.headers.get('x-docker-container-path-stat') ?? '', 'base64').toString()
    const { mode } = v.parse(pathStat, JSON.parse(stat))
    return hasBit(mode, GO_DIRECTORY) && !hasBit(mode, GO_SYMLINK) ? 'folder' : 'other'
  } catch (error) {
    if (error instanceof DaemonError && error.status === 404) return undefined
    throw error
  }
}

/** Creates folders that every user in the container may write to; existing ones get that permission. */
export async function makeFolders(
  daemon: DaemonClient,
  id: string,
  folders: readonly string[],
): Promise<void> {
  if (folders.length === 0) return
  const paths = folders.map((folder) => folder.slice(1))
  await put(daemon, id, '/', packFolders(paths, 0o777))
}

/** Unpacks a tar archive into a folder of a container. */
export async function put(
  daemon: DaemonClient,
  id: string,
  folder: string,
  stream: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<void> {
  const path = `/containers/${id}/archive`
  const response = await daemon.open({ method: 'PUT', path, query: { path: folder }, stream, signal })
  await response.arrayBuffer()
}

function hasBit(mode: number, bit: number): boolean {
  return Math.floor(mode / bit) % 2 === 1
}
