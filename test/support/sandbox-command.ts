/** The command that starts the child process of a script, compiled once instead of translated at every start. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dir, '../..')
const ENTRY = join(import.meta.dir, 'sandbox-entry.ts')
/** All that the entry is made of: its own folder imports nothing else of ours, and the packages are in the lock file. */
const SOURCES = join(ROOT, 'src/server/runs/sandbox')
const CACHE = join(ROOT, 'node_modules/.cache/fob-sandbox')

/** As scripts/build compiles the binary. */
const FLAGS = [
  '--no-compile-autoload-dotenv',
  '--no-compile-autoload-bunfig',
  '--bytecode',
  '--format=esm',
  '--minify-whitespace',
]

/**
 * A process of it starts in a third of the time that it takes from the sources, and does the same. The program is cached
 * by the content of the sources, for all files and all runs.
 */
export const SANDBOX: readonly string[] = [...allocator(), compiled()]

/** A sandbox is started with an empty environment: what `scripts/test` says of memory has to be said to each again. */
function allocator(): string[] {
  const pages = process.env.MIMALLOC_ALLOW_THP
  // Nor does a process that ends soon give any memory back before.
  return pages === undefined ? [] : ['/usr/bin/env', `MIMALLOC_ALLOW_THP=${pages}`, 'MIMALLOC_PURGE_DELAY=-1']
}

function compiled(): string {
  const name = digest()
  const folder = join(CACHE, name)
  const program = join(folder, 'sandbox-entry')
  if (existsSync(program)) return program
  removeAllBut(name)
  const unfinished = `${folder}.${process.pid}`
  mkdirSync(unfinished, { recursive: true })
  const outfile = join(unfinished, 'sandbox-entry')
  const cmd = [process.execPath, 'build', ENTRY, '--compile', ...FLAGS, '--outfile', outfile]
  const { exitCode, stderr } = Bun.spawnSync({ cmd, cwd: unfinished })
  if (exitCode !== 0) throw new Error(`the sandbox cannot be compiled: ${stderr.toString()}`)
  try {
    renameSync(unfinished, folder)
  } catch (error) {
    // Another worker was faster.
    if (!existsSync(program)) throw error
    rmSync(unfinished, { recursive: true, force: true })
  }
  return program
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
  const hash = createHash('sha256').update(Bun.version + FLAGS.join())
  for (const path of [...files.toSorted(), ENTRY, join(ROOT, 'package-lock.json')]) {
    hash.update(`\0${path}\0`).update(readFileSync(path))
  }
  return hash.digest('hex').slice(0, 16)
}
