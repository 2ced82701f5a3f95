import { posix } from 'node:path'
import { Fault } from '../../../../contract/fault.ts'
import type { Mount } from '../driver.ts'
import { CannotStart } from './start-failure.ts'

/** A task's own folder in its container: empty when the task begins. Relative paths are below it. */
export const OWN_FOLDER = '/task'

const NAME = /^[A-Za-z0-9_.-]{1,200}$/

/** @throws Fault `failed` */
export function checkVolumeName(volume: string): void {
  if (NAME.test(volume) && volume !== '.' && volume !== '..') return
  throw new Fault('failed', `a volume is not called ${JSON.stringify(volume)}`, {
    hint: 'its name has letters, digits, ".", "_" and "-"',
  })
}

/** Where a volume is seen. @throws Fault `failed` for what is no place for one */
export function mountTarget({ path }: Pick<Mount, 'path'>): string {
  const target = posix.resolve(OWN_FOLDER, path)
  const isRelative = !path.startsWith('/')
  if (target === '/' || target === OWN_FOLDER || path.includes('\0') || (isRelative && !isBelow(target))) {
    throw new Fault('failed', `a volume cannot be mounted at ${JSON.stringify(path)}`)
  }
  return target
}

/** @throws CannotStart 126 for a relative path that leaves the task's own folder */
export function workingFolder(workDir: string | undefined): string {
  const folder = posix.resolve(OWN_FOLDER, workDir ?? '.')
  if (workDir === undefined || workDir.startsWith('/') || folder === OWN_FOLDER || isBelow(folder))
    return folder
  throw new CannotStart(126, `workDir ${workDir} is outside the task's folder`)
}

function isBelow(path: string): boolean {
  return path.startsWith(`${OWN_FOLDER}/`)
}

/** The folders on the way to a place in a volume, the place itself last. @throws Fault `failed` */
export function stepsInVolume(path: string): string[] {
  const steps = path.split('/').filter((step) => step !== '' && step !== '.')
  if (path.startsWith('/') || path.includes('\0') || steps.includes('..')) {
    throw new Fault('failed', `${JSON.stringify(path)} is no path within a volume`)
  }
  return steps
}
