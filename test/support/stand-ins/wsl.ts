/** A stand-in for WSL: the marks of WSL on this machine, and Windows programs that note how they are started. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { shellScript } from '../client/approving-browser.ts'
import { temporaryFolder } from '../temporary.ts'

const POWERSHELL = 'mnt/c/Windows/System32/WindowsPowerShell/v1.0/powershell.exe'

export interface Wsl {
  /** Put before a command, starts it there. */
  prefix: string[]
  /** What PowerShell was told to do, decoded; undefined where it was not started. */
  script(): string | undefined
  /** The arguments with which `wslpath` was started. */
  wslpath(): string
}

/** Why there can be no such stand-in on this machine; undefined where there can. */
export function missingWslPart(): string | undefined {
  if (process.platform !== 'linux') return 'Linux'
  const { exitCode } = Bun.spawnSync(['unshare', '-m', 'true'], { env: { PATH: process.env.PATH ?? '' } })
  return exitCode === 0 ? undefined : 'unshare -m (root)'
}

/**
 * A root folder of its own in a mount namespace of its own: nothing of the machine changes. What says "container" to
 * programs (`/.dockerenv`) is not in it, `/run/WSL` is.
 * @param powerShell the exit code of the stand-in; undefined for none
 */
export function standInWsl(powerShell: number | undefined): Wsl {
  const notes = temporaryFolder()
  const root = temporaryFolder()
  const here = readdirSync('/', { withFileTypes: true }).filter(
    (entry) => (entry.isDirectory() || entry.isSymbolicLink()) && !['run', 'mnt'].includes(entry.name),
  )
  for (const { name } of here) mkdirSync(join(root, name))
  mkdirSync(join(root, 'run/WSL'), { recursive: true })
  const wslpath = shellScript(`echo "$@" >>'${notes}/wslpath'`)
  const shell = shellScript(
    `for last in "$@"; do :; done; echo "$last" >'${notes}/powershell'; exit ${powerShell}`,
  )
  const steps = [
    ...here.map(({ name }) => `mount --rbind '/${name}' '${root}/${name}'`),
    `mkdir -p '${root}/${POWERSHELL.slice(0, POWERSHELL.lastIndexOf('/'))}' '${root}/mnt/bin'`,
    `cp '${wslpath}' '${root}/mnt/bin/wslpath'`,
    ...(powerShell === undefined ? [] : [`cp '${shell}' '${root}/${POWERSHELL}'`]),
    `exec chroot '${root}' "$@"`,
  ]
  const read = (name: string) =>
    existsSync(join(notes, name)) ? readFileSync(join(notes, name), 'utf8').trim() : undefined
  return {
    prefix: ['unshare', '-m', '--propagation', 'private', 'sh', '-ec', steps.join('\n'), 'wsl'],
    script: () => {
      const encoded = read('powershell')
      return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString('utf16le')
    },
    wslpath: () => read('wslpath') ?? '',
  }
}
