/** Backing up and restoring the databases of a server: consistent copies, checked before they count. */
import { Database } from 'bun:sqlite'
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { Fault } from '../../contract/fault.ts'
import { isDiskFull } from '../../platform/files/disk-full.ts'
import { codeWords } from '../../platform/files/describe-file-errors.ts'
import { verifyChain } from '../audit/hash-chain.ts'
import { checkPages, checkFile, type Finding } from '../db/check-database.ts'
import { claimFolder } from '../db/data-folder-lock.ts'
import { codeOf, databasePath, prepareFile } from '../db/database-files.ts'

/** Where a server's databases are. `secretsPath`: where secrets have a database of their own. */
export interface DataPlaces {
  dataDir: string
  secretsPath: string | undefined
}

/** One database that was copied. */
export interface CopiedDatabase {
  what: 'data' | 'secrets'
  from: string
  to: string
  bytes: number
}

/** How SQLite names the files beside a database in WAL mode: they belong to that database and to no other. */
const COMPANIONS = ['-wal', '-shm', '-journal'] as const

/** The file of a backup in which the secrets are, where they have a database of their own. */
function secretsBackup(file: string): string {
  return `${file}-secrets`
}

/**
 * Copies the databases, whether or not a server runs on them: each copy is one moment of its database, without
 * free pages, 0600, and stands in its place only after its pages and the chain of its audit log were checked.
 * @param replace whether a file that is there already may be replaced
 * @throws Fault `not_found` without data, `conflict` when the file is there, `failed` when the data is damaged or the
 * copy cannot be written
 */
export async function backUp(
  { dataDir, secretsPath }: DataPlaces,
  file: string,
  { replace }: { replace: boolean },
): Promise<CopiedDatabase[]> {
  const data = existingFile(databasePath(dataDir), dataDir)
  const pairs: Pick<CopiedDatabase, 'what' | 'from' | 'to'>[] = [
    { what: 'data', from: data, to: resolve(file) },
  ]
  if (secretsPath !== undefined) {
    pairs.push({
      what: 'secrets',
      from: existingFile(resolve(secretsPath), secretsPath),
      to: resolve(secretsBackup(file)),
    })
  }
  for (const { to } of pairs) {
    if (!replace && existsSync(to)) {
      throw new Fault('conflict', `${to} is there already`, {
        hint: 'name another file, or replace it with --force',
      })
    }
  }
  const copies: CopiedDatabase[] = []
  for (const pair of pairs) {
    const bytes = await inPlaceOnceWhole(pair.to, async (part) => {
      snapshot(pair.from, part)
      await refuseDamaged(part, pair.from)
    })
    copies.push({ ...pair, bytes })
  }
  return copies
}

/**
 * Puts a backup where a server finds it. The backup is checked first; nothing is touched when it is damaged.
 * @param replace whether data that is there may be replaced; it is moved aside, not deleted
 * @returns the databases, and where earlier ones are now
 * @throws Fault `not_found`, `config` when a server is running or the file is not a backup, `conflict` when data is there
 */
export async function restore(
  file: string,
  { dataDir, secretsPath }: DataPlaces,
  { replace, now }: { replace: boolean; now: number },
): Promise<{ copies: CopiedDatabase[]; aside: string[] }> {
  const pairs: Pick<CopiedDatabase, 'what' | 'from' | 'to'>[] = [
    { what: 'data', from: existingBackup(file), to: databasePath(dataDir) },
  ]
  if (secretsPath !== undefined) {
    pairs.push({ what: 'secrets', from: existingBackup(secretsBackup(file)), to: resolve(secretsPath) })
  }
  for (const { from } of pairs) await refuseDamaged(from, from)
  makeFolder(resolve(dataDir))
  const folder = claimFolder(resolve(dataDir))
  try {
    const there = pairs.find(({ to }) => existsSync(to))
    if (there !== undefined && !replace) {
      throw new Fault('conflict', `${there.to} is there already`, {
        hint: 'with --force it is moved aside, and the backup takes its place',
      })
    }
    const copies: CopiedDatabase[] = []
    const aside: string[] = []
    for (const pair of pairs) {
      const bytes = await inPlaceOnceWhole(pair.to, async (part) => {
        copyFileSync(pair.from, part)
        // The copy takes the mode of the backup, which somebody may have carried about with a wider one.
        chmodSync(part, 0o600)
        aside.push(...moveAside(pair.to, now))
      })
      copies.push({ ...pair, bytes })
    }
    return { copies, aside }
  } finally {
    folder.release()
  }
}

/** The state of a database at one moment, as one file without companions. */
function snapshot(from: string, to: string): void {
  const source = new Database(from, { readonly: true })
  try {
    source.run('PRAGMA busy_timeout = 5000')
    source.query('VACUUM INTO ?').run(to)
  } catch (error) {
    // To read a database, SQLite creates the index of its write-ahead log.
    if (isDiskFull(error)) {
      throw new Fault('failed', `${from} cannot be copied: the disk is full`, {
        hint: 'make room on its disk, and on that of the backup',
        cause: error,
      })
    }
    if (!['SQLITE_CORRUPT', 'SQLITE_NOTADB', 'SQLITE_IOERR'].includes(codeOf(error))) throw error
    throw new Fault('failed', `${from} is damaged: it cannot be read as a whole`, {
      hint: '"fob server check" says more; the backups of before are not touched',
      cause: error,
    })
  } finally {
    source.close()
  }
}

/**
 * Writes a new file beside its place, for its owner alone, and moves it there when it is whole and on the disk.
 * @returns its size in bytes
 */
async function inPlaceOnceWhole(to: string, write: (part: string) => Promise<void>): Promise<number> {
  const part = `${to}.part-${process.pid}`
  rmSync(part, { force: true })
  try {
    prepareFile(part)
    await write(part)
    sync(part)
    const { size } = statSync(part)
    renameSync(part, to)
    sync(dirname(to))
    return size
  } catch (error) {
    if (error instanceof Fault) throw error
    throw new Fault('failed', `${to} cannot be written: ${wordsOf(error)}`, { cause: error })
  } finally {
    rmSync(part, { force: true })
  }
}

function wordsOf(error: unknown): string {
  const code = codeOf(error)
  return code === 'SQLITE_FULL' ? 'the disk is full' : codeWords(code === '' ? undefined : code)
}

function sync(path: string): void {
  const handle = openSync(path, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

/** An earlier database with its companions, which would otherwise be taken for the new one's. @returns its new name */
function moveAside(path: string, now: number): string[] {
  if (!existsSync(path)) return []
  const stamp = new Date(now).toISOString().replace(/[-:]|\.\d+/g, '')
  const aside = `${path}.before-restore-${stamp}`
  for (const companion of ['', ...COMPANIONS]) {
    if (existsSync(path + companion)) renameSync(path + companion, aside + companion)
  }
  return [aside]
}

async function refuseDamaged(path: string, named: string): Promise<void> {
  const findings = await checkFile(path, async (db): Promise<Finding> => {
    const verdict = await verifyChain(db)
    const finding = { check: 'audit log', detail: 'the chain of its entries' }
    return verdict.intact ? finding : { ...finding, problem: `audit entry ${verdict.seq} ${verdict.reason}` }
  })
  // A backup of an older fob is good: the next start brings it up to date. Its audit log is checked from then on.
  const serious = findings.some(({ outdated }) => outdated) ? [checkPages(path)] : findings
  const problem = serious.find((finding) => finding.problem !== undefined)?.problem
  if (problem !== undefined) {
    throw new Fault('failed', `${named} is not good: ${problem}`, {
      hint: 'nothing was changed; "fob server check" says more about a data folder',
    })
  }
}

function existingFile(path: string, named: string): string {
  if (existsSync(path)) return path
  throw new Fault('not_found', `there is no server data in ${named}`, {
    hint: 'name its folder with --data DIR, or the settings of the server with --config FILE',
  })
}

function existingBackup(file: string): string {
  const path = resolve(file)
  if (existsSync(path)) return path
  throw new Fault('not_found', `there is no backup ${path}`, {
    hint: path.endsWith('-secrets')
      ? 'the secrets have a database of their own, which belongs to the backup'
      : undefined,
  })
}

function makeFolder(path: string): void {
  mkdirSync(join(path), { recursive: true, mode: 0o700 })
}
