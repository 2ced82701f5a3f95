/** A file system of a few MiB, so that a test can fill it. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeRemoval, temporaryFolder } from '../temporary.ts'
import { missingPart } from './skip-without-part.ts'

export const missingSmallDisk = missingPart(() =>
  process.platform === 'linux' && process.getuid?.() === 0 && mountsWork()
    ? undefined
    : 'root, to mount a small file system',
)

function mountsWork(): boolean {
  const folder = temporaryFolder()
  if (!Bun.spawnSync(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]).success) return false
  return Bun.spawnSync(['umount', folder]).success
}

export interface SmallDisk {
  folder: string
  /** Takes all the room that is left. */
  fill(): void
  /** Gives it back. */
  makeRoom(): void
}

export function mountSmallDisk(mebibytes: number): SmallDisk {
  const folder = temporaryFolder()
  if (!Bun.spawnSync(['mount', '-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', folder]).success) {
    throw new Error('the file system could not be mounted')
  }
  beforeRemoval(async () => void Bun.spawnSync(['umount', '-l', folder]))
  const filler = join(folder, 'filler')
  return {
    folder,
    fill: () => {
      try {
        for (;;) writeFileSync(filler, Buffer.alloc(4096), { flag: 'a' })
      } catch {
        // There is no room for another page.
      }
    },
    makeRoom: () => rmSync(filler),
  }
}
