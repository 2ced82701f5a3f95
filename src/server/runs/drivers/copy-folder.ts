/** Copies the content of one folder into another without following symbolic links. */
import { chmod, constants, copyFile, lstat, mkdir, readdir, readlink, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Copies the content of one folder into another. Files of the same name are replaced, other files stay. Permission
 * bits are kept, except setuid, setgid and sticky. Symbolic links are copied as links and never followed, on either
 * side; pipes, sockets and devices are left out.
 */
export async function copyFolder(from: string, to: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) await copyInto(source, target, signal)
    else if (entry.isSymbolicLink()) {
      await rm(target, { recursive: true, force: true })
      await symlink(await readlink(source), target)
    } else if (entry.isFile()) {
      await rm(target, { recursive: true, force: true })
      await copyFile(source, target, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL)
      await chmod(target, (await lstat(source)).mode & 0o777)
    }
  }
}

async function copyInto(source: string, target: string, signal: AbortSignal): Promise<void> {
  const there = await lstat(target).catch(() => undefined)
  if (!there?.isDirectory()) {
    await rm(target, { force: true })
    await mkdir(target, { mode: 0o700 })
  }
  await copyFolder(source, target, signal)
  // Last, because it may make the folder read-only.
  await chmod(target, (await lstat(source)).mode & 0o777)
}
