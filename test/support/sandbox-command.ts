/** The command that starts the child process of a script, bundled once instead of translated at every start. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dir, '../..')
const ENTRY = join(import.meta.dir, 'sandbox-entry.ts')
/** All that the entry is made of: its own folder imports nothing else of ours, and the packages are in the lock file. */
const SOURCES = join(ROOT, 'src/server/runs/sandbox')
const CACHE = join(ROOT, 'node_modules/.cache/fob-sandbox')

/**
 * A process of it starts in half of the time that it takes from the sources, and does the same. The bundle is cached by the
 * content of the sources, for all files and all runs.
 */
export const SANDBOX: readonly string[] = [process.execPath, bundled()]

function bundled(): string {
  const name = digest()
  const folder = join(CACHE, name)
  const entry = join(folder, 'sandbox-entry.js')
  if (existsSync(entry)) return entry
  removeAllBut(name)
  const unfinished = `${folder}.${process.pid}`
  mkdirSync(unfinished, { recursive: true })
  // Paths of the files beside it are written into it, so they are those of the folder that it moves to.
  const cmd = [process.execPath, 'build', ENTRY, '--target=bun', `--public-path=${folder}/`]
  const { exitCode, stderr } = Bun.spawnSync({ cmd: [...cmd, `--outdir=${unfinished}`] })
  if (exitCode !== 0) throw new Error(`the sandbox cannot be bundled: ${stderr.toString()}`)
  try {
    renameSync(unfinished, folder)
  } catch (error) {
    // Another worker was faster.
    if (!existsSync(entry)) throw error
    rmSync(unfinished, { recursive: true, force: true })
  }
  return entry
}

/** What another worker is about to finish begins with the same name. */
function removeAllBut(name: string): void {
  const names = existsSync(CACHE) ? readdirSync(CACHE) : []
  for (const old of names.filter((other) => !other.startsWith(name))) {
    rmSync(join(CACHE, old), { recursive: true, force: true })
  }
}

function digest(): string {
  const files = readdirSync(SOURCES, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath, file.name))
  const hash = createHash('sha256').update(Bun.version)
  for (const path of [...files.toSorted(), ENTRY, join(ROOT, 'package-lock.json')]) {
    hash.update(`\0${path}\0`).update(readFileSync(path))
  }
  return hash.digest('hex').slice(0, 16)
}
