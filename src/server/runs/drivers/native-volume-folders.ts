/** The folders of native tasks: paths kept inside a folder, volumes linked into it, no link followed. */
import { mkdirSync, type Stats } from 'node:fs'
import { lstat, readdir, symlink } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { Fault } from '../../../contract/fault.ts'

/** The absolute path of `path` inside `folder`; undefined for a path that leaves it. */
export function innerPath(folder: string, path: string): string | undefined {
  const whole = resolve(folder, path)
  const inside = relative(folder, whole)
  const leaves = inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)
  return leaves ? undefined : whole
}

/** Creates a folder and its parents, closed to other users. At once: handing it to a thread takes longer. */
export async function makeFolder(path: string): Promise<void> {
  mkdirSync(path, { recursive: true, mode: 0o700 })
}

export async function hasFolder(path: string): Promise<boolean> {
  return (await find(path))?.isDirectory() ?? false
}

/** The names of the folders in a folder; empty when it does not exist. */
export async function listFolders(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
}

interface VolumeLink {
  /** Below the task's folder. */
  path: string
  volume: string
  folder: string
}

/** @throws Fault `usage` for a path outside `home`, or a volume that does not exist. */
export async function linkVolumes(home: string, links: readonly VolumeLink[]): Promise<void> {
  for (const { path, volume, folder } of links) {
    const at = innerPath(home, path)
    if (at === undefined || at === home) {
      throw new Fault('usage', `"${path}" is not a path inside the task's folder`)
    }
    if (!(await hasFolder(folder))) throw new Fault('usage', `there is no volume "${volume}"`)
    await makeFolder(dirname(at))
    try {
      await symlink(folder, at)
    } catch (error) {
      throw new Fault('usage', `"${path}" is taken already in the task's folder`, { cause: error })
    }
  }
}

interface Wanted {
  volume: string
  path: string
}

/**
 * The folder in a volume that is to be read.
 * @throws Fault `usage` when it is missing, is not a folder, or is reached through a symbolic link.
 */
export async function readVolume(folder: string, wanted: Wanted): Promise<string> {
  return await walk(folder, wanted, async (path) => {
    throw new Fault('usage', `there is no folder "${path}" in the volume "${wanted.volume}"`)
  })
}

/** The folder in a volume that is to be written to; it is created. @throws Fault as `readVolume` does. */
export async function writeVolume(folder: string, wanted: Wanted): Promise<string> {
  return await walk(folder, wanted, async (_, whole) => await makeFolder(whole))
}

/** Checks each segment: a task may have left a link anywhere. */
async function walk(
  folder: string,
  { volume, path }: Wanted,
  missing: (path: string, whole: string) => Promise<void>,
): Promise<string> {
  if (!(await hasFolder(folder))) throw new Fault('usage', `there is no volume "${volume}"`)
  const whole = isAbsolute(path) ? undefined : innerPath(folder, path)
  if (whole === undefined) throw new Fault('usage', `"${path}" is outside the volume "${volume}"`)
  let at = folder
  for (const segment of relative(folder, whole).split(sep).filter(Boolean)) {
    at = join(at, segment)
    const stats = await find(at)
    if (!stats) await missing(path, at)
    else if (!stats.isDirectory()) {
      throw new Fault('usage', `"${path}" in the volume "${volume}" does not lead to a folder`)
    }
  }
  return at
}

async function find(path: string): Promise<Stats | undefined> {
  return await lstat(path).catch(() => undefined)
}
