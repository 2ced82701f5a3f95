/** Writing tar archives. The only importer of tar-stream. */
import { createReadStream } from 'node:fs'
import { lstat, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pack } from 'tar-stream'
import { ArchiveError } from './unpack-target-folder.ts'

type Header = Parameters<Pack['entry']>[0]

/** Archives of equal folders are equal. */
const NO_TIME = new Date(0)

/**
 * Packs the content of a folder: files, folders and symbolic links with their modes, owned by root. Links are not
 * followed; sockets, pipes and devices are left out.
 * @param under the path in the archive under which the content is put
 * @throws ArchiveError where a file became shorter while it was read; the system's error where one cannot be read
 */
export function packTar(folder: string, under = ''): AsyncGenerator<Uint8Array> {
  return packed((pack) => addFolder(pack, folder, under))
}

/** Packs folders without content. @param paths relative, each after those that it is in */
export function packFolders(paths: readonly string[], mode: number): AsyncGenerator<Uint8Array> {
  return packed(async (pack) => {
    for (const path of paths) await addEntry(pack, { name: path, type: 'directory', mode })
  })
}

async function* packed(write: (pack: Pack) => Promise<void>): AsyncGenerator<Uint8Array> {
  const tar = await import('tar-stream')
  const pack = tar.pack()
  const written = write(pack).then(
    () => pack.finalize(),
    (error: unknown) => pack.destroy(error as Error),
  )
  try {
    yield* pack as AsyncIterable<Uint8Array>
  } finally {
    pack.destroy()
    await written
  }
}

async function addFolder(pack: Pack, folder: string, under: string): Promise<void> {
  for (const file of (await readdir(folder)).toSorted()) {
    const place = join(folder, file)
    const name = under === '' ? file : `${under}/${file}`
    const stat = await lstat(place)
    const { mode, size } = stat
    if (stat.isDirectory()) {
      await addEntry(pack, { name, type: 'directory', mode })
      await addFolder(pack, place, name)
    } else if (stat.isSymbolicLink()) {
      await addEntry(pack, { name, type: 'symlink', mode, linkname: await readlink(place) })
    } else if (stat.isFile()) await addFile(pack, { name, type: 'file', mode, size }, place)
  }
}

/** Adds an entry without content. */
function addEntry(pack: Pack, header: Header): Promise<void> {
  return new Promise((resolve, reject) => {
    pack.entry({ ...header, mtime: NO_TIME }, '', (error) => (error ? reject(error) : resolve()))
  })
}

async function addFile(pack: Pack, header: Header & { size: number }, place: string): Promise<void> {
  if (header.size === 0) return await addEntry(pack, header)
  const file = createReadStream(place, { end: header.size - 1 })
  let isAtEnd = false
  try {
    await new Promise<void>((resolve, reject) => {
      const entry = pack.entry({ ...header, mtime: NO_TIME }, (error) => (error ? reject(error) : resolve()))
      file.on('error', (error) => entry.destroy(error)).on('end', () => (isAtEnd = true))
      file.pipe(entry)
    })
  } catch (error) {
    const isShorter = isAtEnd && file.bytesRead < header.size
    throw isShorter
      ? new ArchiveError(`${JSON.stringify(header.name)} became shorter while it was read`)
      : error
  } finally {
    file.destroy()
  }
}
