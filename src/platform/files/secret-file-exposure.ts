/** Whether others can read a file of secrets, where that can be mended. */
import { accessSync, constants, readFileSync, realpathSync, statSync } from 'node:fs'
import { codeOf } from './describe-file-errors.ts'

/**
 * The shell command that makes a file readable for the user of this process only.
 * @returns undefined where nobody else can read the file, on Windows, and where the file was mounted, as Docker,
 * Kubernetes and systemd do with secrets: its mode is theirs, and nothing here can change it
 */
export function narrowingOf(path: string): string | undefined {
  const own = process.getuid?.()
  const stat = own === undefined ? undefined : statSync(path, { throwIfNoEntry: false })
  if (own === undefined || stat?.isFile() !== true) return undefined
  const isOurs = stat.uid === own
  // A file of another owner is readable for us through its group: this is how root gives a secret to a service.
  if ((stat.mode & (isOurs ? 0o044 : 0o004)) === 0) return undefined
  if (isReadOnly(path) || isMountPoint(path)) return undefined
  return isOurs ? `chmod 600 ${path}` : `chown ${own} ${path} && chmod 600 ${path}`
}

/** Of a file system that nobody can write to. The system looks at that before it looks at the file's mode. */
function isReadOnly(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return false
  } catch (error) {
    return codeOf(error) === 'EROFS'
  }
}

/** Whether the file itself was mounted, as Docker mounts a secret from a file of the machine. Linux only. */
function isMountPoint(path: string): boolean {
  try {
    const real = realpathSync(path)
    return mountPoints(readFileSync('/proc/self/mountinfo', 'utf8')).includes(real)
  } catch {
    return false
  }
}

/** @param mountinfo blanks and backslashes in a path are octal (proc_pid_mountinfo(5)) */
function mountPoints(mountinfo: string): string[] {
  return mountinfo
    .split('\n')
    .map((line) =>
      (line.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_, octal: string) =>
        String.fromCharCode(Number.parseInt(octal, 8)),
      ),
    )
}
