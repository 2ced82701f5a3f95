/** Reading zip archives: stored and deflated entries, Zip64 too. The only importer of yauzl. */
import { crc32 } from 'node:zlib'
import type { Entry, ZipFile } from 'yauzl'
import { ArchiveError, type ArchiveTarget } from './unpack-target-folder.ts'

/** Of the target of a symbolic link, in bytes. */
const MAX_TARGET = 4096
const FILE_TYPE = 0o170000
const SYMLINK = 0o120000
const STORED = 0
const DEFLATED = 8

/**
 * Unpacks a zip archive.
 * @throws ArchiveError also for a file that is not a zip archive, is encrypted, damaged, or ends too early
 */
export async function unpackZip(file: string, target: ArchiveTarget): Promise<void> {
  const { openPromise } = await import('yauzl')
  // Names as bytes: without the flag for UTF-8 the library takes them for cp437, and the archive tool of macOS sets none.
  const zip = await read(() => openPromise(file, { decodeStrings: false, autoClose: false }))
  try {
    const entries = zip.eachEntry()
    for (;;) {
      const next = await read(() => entries.next())
      if (next.done === true) break
      await unpackEntry(zip, next.value, target)
    }
    await target.finish()
  } finally {
    zip.close()
  }
}

async function unpackEntry(zip: ZipFile, entry: Entry, target: ArchiveTarget): Promise<void> {
  const path = entry.fileNameRaw.toString('utf8')
  const mode = unixMode(entry)
  if (entry.isEncrypted()) throw new ArchiveError('it is encrypted')
  if (path.endsWith('/')) await target.folder(path)
  else if ((mode & FILE_TYPE) === SYMLINK) target.symlink(path, await linkTarget(zip, entry))
  else await target.file(path, (mode & 0o777) === 0 ? 0o644 : mode, content(zip, entry))
}

/** Where the archive was made on Unix or macOS, the upper half of the attributes; else 0. */
function unixMode({ versionMadeBy, externalFileAttributes }: Entry): number {
  const system = versionMadeBy >>> 8
  return system === 3 || system === 19 ? externalFileAttributes >>> 16 : 0
}

/** An entry's bytes: as many as it declares, which the library checks, with the checksum that it declares. */
async function* content(zip: ZipFile, entry: Entry): AsyncGenerator<Uint8Array> {
  const { compressionMethod } = entry
  if (compressionMethod !== STORED && compressionMethod !== DEFLATED) {
    throw new ArchiveError('it is packed in an unknown way')
  }
  const stream = await read(() => zip.openReadStreamPromise(entry))
  const chunks: AsyncIterator<Buffer> = stream[Symbol.asyncIterator]()
  let checksum = 0
  try {
    for (;;) {
      const next = await read(() => chunks.next())
      if (next.done === true) break
      checksum = crc32(next.value, checksum)
      yield next.value
    }
  } finally {
    stream.destroy()
  }
  if (checksum !== entry.crc32) throw new ArchiveError('it is damaged')
}

async function linkTarget(zip: ZipFile, entry: Entry): Promise<string> {
  if (entry.uncompressedSize > MAX_TARGET) throw new ArchiveError('it is damaged')
  const pieces: Uint8Array[] = []
  for await (const piece of content(zip, entry)) pieces.push(piece)
  return Buffer.concat(pieces).toString('utf8')
}

/** A step of the library. Whatever it rejects is damage to the archive; the reason is the cause. */
async function read<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (cause) {
    throw new ArchiveError('it is damaged', { cause })
  }
}
