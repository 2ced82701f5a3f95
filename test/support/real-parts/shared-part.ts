/** A real service that all test files of a run share: the first user starts it, and `scripts/test` stops it. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The folder that `scripts/test` makes for what is shared; undefined under a plain `bun test`. */
const FOLDER = process.env.TEST_SHARED
const WAIT_MS = 120_000

export interface Started<T> {
  pids: number[]
  /** What others need to know to use it; goes through JSON. */
  about: T
}

/**
 * @param start starts the part with its data in a folder; it may outlive this process
 * @returns what `start` told about it, here or in another process; undefined where nothing is shared
 */
export async function sharedPart<T>(
  name: string,
  start: (folder: string) => Promise<Started<T>>,
): Promise<T | undefined> {
  if (FOLDER === undefined) return undefined
  const folder = join(FOLDER, name)
  const told = join(folder, 'about.json')
  if (isFirst(folder)) {
    const { pids, about } = await start(folder).catch((error: unknown) => {
      writeFileSync(join(folder, 'failed'), String(error))
      throw error
    })
    writeFileSync(join(folder, 'pids'), pids.join('\n'))
    writeFileSync(`${told}.new`, JSON.stringify(about))
    renameSync(`${told}.new`, told)
    return about
  }
  const deadline = Date.now() + WAIT_MS
  while (!existsSync(told)) {
    if (existsSync(join(folder, 'failed'))) throw new Error(readFileSync(join(folder, 'failed'), 'utf8'))
    if (Date.now() > deadline) throw new Error(`${name} was not started in ${WAIT_MS / 1000} s`)
    await Bun.sleep(50)
  }
  return JSON.parse(readFileSync(told, 'utf8')) as T
}

/** A number that no other user of the shared part has. */
export function nextNumber(name: string): number {
  if (FOLDER === undefined) return 1
  for (let number = 1; ; number++) if (isFirst(join(FOLDER, `${name}-${number}`))) return number
}

/** Starts a program that is no child of this process: bun ends those when a test takes too long. @returns its ID */
export function startApart(cmd: readonly string[], env: Record<string, string | undefined>): number {
  const script = '"$@" </dev/null >/dev/null 2>&1 & echo $!'
  const { stdout } = Bun.spawnSync({ cmd: ['sh', '-c', script, 'sh', ...cmd], env })
  return Number(stdout.toString())
}

export function endAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid)
    } catch {
      // It has ended.
    }
  }
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

function isFirst(folder: string): boolean {
  try {
    mkdirSync(folder)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}
