/** Paths in a container: where volumes are mounted, the working folder, the steps inside a volume. */
import { posix } from 'node:path'
import { Fault } from '../../../../contract/fault.ts'
import type { Mount } from '../driver-interface.ts'
import { StartFailure } from '../task-start-failure.ts'

/** The task's own folder in its container: empty when the task starts. Relative paths are below it. */
export const OWN_FOLDER = '/task'

const NAME = /^[A-Za-z0-9_.-]{1,200}$/

/** @throws Fault `failed` */
export function checkVolumeName(volume: string): void {
  if (NAME.test(volume) && volume !== '.' && volume !== '..') return
  throw new Fault('failed', `${JSON.stringify(volume)} is not a name for a volume`, {
    hint: 'its name has letters, digits, ".", "_" and "-"',
  })
}

/** The absolute path at which a volume is mounted. @throws Fault `failed` for a path that cannot be one */
export function mountTarget({ path }: Pick<Mount, 'path'>): string {
  const target = posix.resolve(OWN_FOLDER, path)
  const isRelative = !path.startsWith('/')
  if (target === '/' || target === OWN_FOLDER || path.includes('\0') || (isRelative && !isBelow(target))) {
    throw new Fault('failed', `a volume cannot be mounted at ${JSON.stringify(path)}`)
  }
  return target
}

/** @throws StartFailure 126 for a relative path that leaves the task's own folder */
export function workingFolder(workDir: string | undefined): string {
  const folder = posix.resolve(OWN_FOLDER, workDir ?? '.')
  if (workDir === undefined || workDir.startsWith('/') || folder === OWN_FOLDER || isBelow(folder))
    return folder
  throw new StartFailure(126, `workDir ${workDir} is outside the task's folder`)
}

function isBelow(path: string): boolean {
  return path.startsWith(`${OWN_FOLDER}/`)
}

/** The folders that lead to a path in a volume, the path itself last. @throws Fault `failed` */
export function stepsInVolume(path: string): string[] {
  const steps = path.split('/').filter((step) => step !== '' && step !== '.')
  if (path.startsWith('/') || path.includes('\0') || steps.includes('..')) {
    throw new Fault('failed', `${JSON.stringify(path)} is not a path inside a volume`)
  }
  return steps
}
