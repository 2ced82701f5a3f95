/** Reads a file or a pipe that the user named on the command line, up to a limit. */
import type { Stats } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { Fault } from '../../contract/fault.ts'
import { isMissing, whyUnreadable } from '../../platform/files/describe-file-errors.ts'
import { orAborted } from '../../platform/terminal/read-lines.ts'
import type { Deps } from '../deps.ts'

const CHUNK_BYTES = 64 * 1024
const KIB = 1024

/** How much of it may be read, and the code of the fault when that cannot be done. */
interface NamedFile {
  limitBytes: number
  code?: 'usage' | 'config'
}

/**
 * All bytes of a file that the user named, or of a pipe (`<(…)`, `mkfifo`) until its writer closes it. A pipe without
 * a writer is waited for.
 * @throws Fault of `code` when it does not exist, is not a file, is larger, or may not be read; the signal's reason
 */
export async function readNamedFile(
  path: string,
  { limitBytes, code = 'usage' }: NamedFile,
  { signal }: Pick<Deps, 'signal'>,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    // Opening a pipe, and reading from it, can take for ever and cannot be cancelled.
    return await orAborted(readUpTo(path, { limitBytes, code }), signal)
  } catch (error) {
    if (error instanceof Fault) throw error
    const fact = isMissing(error)
      ? `there is no file ${path}`
      : `cannot read ${path}: ${whyUnreadable(error)}`
    throw new Fault(code, fact, { cause: error })
  }
}

async function readUpTo(
  path: string,
  { limitBytes, code }: Required<NamedFile>,
): Promise<Uint8Array<ArrayBuffer>> {
  const wrong = whatItIs(await stat(path))
  if (wrong !== undefined) throw new Fault(code, `${path} is ${wrong}`)
  const file = await open(path)
  try {
    const chunks: Uint8Array[] = []
    let size = 0
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, null)
      if (bytesRead === 0) return Buffer.concat(chunks)
      size += bytesRead
      if (size > limitBytes) throw new Fault(code, `${path} is larger than ${sizeText(limitBytes)}`)
      chunks.push(buffer.subarray(0, bytesRead))
    }
  } finally {
    await file.close()
  }
}

/** Undefined for what is read. */
function whatItIs(stats: Stats): string | undefined {
  if (stats.isFile() || stats.isFIFO()) return undefined
  if (stats.isDirectory()) return 'a folder'
  return stats.isSocket() ? 'a socket' : 'a device'
}

function sizeText(bytes: number): string {
  return bytes % (KIB * KIB) === 0 ? `${bytes / KIB / KIB} MiB` : `${bytes / KIB} KiB`
}
