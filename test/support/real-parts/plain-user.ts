/** Commands run as an unprivileged user, for whom file modes hold. */
import { chmodSync, chownSync, copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { FOB } from '../client/compiled-binary.ts'
import { temporaryFolder } from '../temporary.ts'
import { missingPart } from './skip-without-part.ts'

/** Root can look into everything. So where the tests run as root, some commands run as somebody who cannot. */
const NOBODY = 65_534
const isRoot = process.getuid?.() === 0

/** The part that is missing here, or undefined. */
export function missingPlainUser(): string | undefined {
  return missingPart(() => {
    if (process.platform !== 'linux') return 'Linux'
    return isRoot && Bun.which('setpriv') === null ? 'setpriv' : undefined
  })
}

/** The command as a plain user runs it. */
export function asPlainUser(command: readonly string[]): string[] {
  if (!isRoot) return [...command]
  return ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', ...command]
}

export function giveToPlainUser(path: string): void {
  if (isRoot) chownSync(path, NOBODY, NOBODY)
}

/**
 * The compiled binary where that user can reach it, as often as it starts itself: the checkout may be in a folder
 * that is root's alone.
 */
export function fobOfPlainUser(): string {
  if (!isRoot) return FOB
  const folder = temporaryFolder()
  giveToPlainUser(folder)
  const copy = join(folder, 'fob')
  copyFileSync(FOB, copy)
  chmodSync(copy, 0o755)
  return copy
}
