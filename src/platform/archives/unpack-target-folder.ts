/** The folder that an archive is unpacked into: the one place that decides what an entry may be. */
import { type FileHandle, link, lstat, mkdir, open, symlink, unlink } from 'node:fs/promises'
import { join } from 'node:path'

/** What is wrong with an archive; the message may be shown. */
export class ArchiveError extends Error {}

export interface ArchiveLimits {
  /** Of the content of all files together, unpacked. */
  maxBytes: number
  maxEntries: number
  /**
   * What happens to links that lead out of the folder, and to devices, pipes and sockets. `refuse` is for archives
   * from elsewhere. For the file system of a container they are left out; with `keep links` the links are kept, and
   * readers of the folder must not follow them.
   */
  strays: 'refuse' | 'leave out' | 'keep links'
}

/**
 * Takes the entries of an archive in their order. Paths are relative, with `/`. All methods throw an ArchiveError for
 * an entry that is refused; entries that were unpacked before stay.
 */
export interface ArchiveTarget {
  folder(path: string): Promise<void>
  /** @param mode the permissions of the file; its owner can always read and write it */
  file(path: string, mode: number, content: AsyncIterable<Uint8Array>): Promise<void>
  symlink(path: string, target: string): void
  /** A second name for a file that was unpacked before. */
  hardLink(path: string, existing: string): Promise<void>
  /** An entry of another kind. */
  stray(path: string, kind: string): void
  /** Creates the symbolic links: there are none before, so that no entry can be written through one. */
  finish(): Promise<void>
}

/** @param folder an empty folder that only this user can write to */
export function createTarget(folder: string, limits: ArchiveLimits): ArchiveTarget {
  const folders = new Set([''])
  const links = new Map<string, string>()
  let entries = 0
  let bytes = 0

  /** Counts an entry. @returns the parts of its path */
  function enter(path: string): string[] {
    if (++entries > limits.maxEntries) {
      throw new ArchiveError(`the archive has more than ${limits.maxEntries} entries`)
    }
    return partsOf(path)
  }

  async function createFolders(parts: readonly string[]): Promise<void> {
    for (let depth = 1; depth <= parts.length; depth++) {
      const path = parts.slice(0, depth).join('/')
      if (folders.has(path)) continue
      await mkdir(join(folder, path)).catch((error: unknown) => {
        throw isCode(error, 'EEXIST') ? new ArchiveError(`${quoted(path)} is a file and a folder`) : error
      })
      folders.add(path)
    }
  }

  /** Creates the folder of an entry, and removes an earlier entry of the same name. @returns where the entry goes */
  async function prepare(parts: readonly string[]): Promise<string> {
    const path = parts.join('/')
    if (folders.has(path)) throw new ArchiveError(`${quoted(path)} is a file and a folder`)
    await createFolders(parts.slice(0, -1))
    links.delete(path)
    const place = join(folder, path)
    await unlink(place).catch((error: unknown) => {
      if (!isCode(error, 'ENOENT')) throw error
    })
    return place
  }

  async function file(path: string, mode: number, content: AsyncIterable<Uint8Array>): Promise<void> {
    const place = await prepare(enter(path))
    const handle = await open(place, 'wx', (mode & 0o777) | 0o600)
    try {
      for await (const chunk of content) {
        bytes += chunk.length
        if (bytes > limits.maxBytes) {
          throw new ArchiveError(`the archive holds more than ${limits.maxBytes} bytes`)
        }
        await writeAll(handle, chunk)
      }
    } finally {
      await handle.close()
    }
  }

  function addLink(path: string, target: string): void {
    const parts = enter(path)
    if (limits.strays === 'keep links' || staysInside(parts.length - 1, target))
      links.set(parts.join('/'), target)
    else if (limits.strays === 'refuse') {
      throw new ArchiveError(`the link ${quoted(path)} leads out of the archive`)
    }
  }

  async function hardLink(path: string, existing: string): Promise<void> {
    const parts = enter(path)
    const from = join(folder, ...partsOf(existing))
    // There are no symbolic links in the folder yet, so this is a file of the archive.
    const stat = await lstat(from).catch(() => undefined)
    if (stat?.isFile() !== true) throw new ArchiveError(`the link ${quoted(path)} leads to no file`)
    const place = await prepare(parts)
    await link(from, place)
  }

  function stray(path: string, kind: string): void {
    enter(path)
    if (limits.strays === 'refuse') throw new ArchiveError(`${quoted(path)} is a ${kind}`)
  }

  async function finish(): Promise<void> {
    for (const [path, target] of links) {
      const place = await prepare(path.split('/'))
      await symlink(target, place)
    }
    links.clear()
  }

  return { folder: (path) => createFolders(enter(path)), file, symlink: addLink, hardLink, stray, finish }
}

async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length;) at += (await handle.write(chunk, at)).bytesWritten
}

function partsOf(path: string): string[] {
  const isForeign = process.platform === 'win32' && /[\\:]/.test(path)
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  if (path.startsWith('/') || path.includes('\0') || isForeign || parts.includes('..')) {
    throw new ArchiveError(`the path ${quoted(path)} leads out of the archive`)
  }
  return parts
}

/**
 * Whether the target of a link is inside the archive. It may climb at its beginning, not above the top, and only
 * descend from there: links that all keep to this cannot lead out through each other, as each climbs from a real folder.
 */
function staysInside(depth: number, target: string): boolean {
  if (target === '' || target.startsWith('/') || target.includes('\0')) return false
  if (process.platform === 'win32' && /[\\:]/.test(target)) return false
  const parts = target.split('/').filter((part) => part !== '' && part !== '.')
  const climbs = parts.findIndex((part) => part !== '..')
  const up = climbs < 0 ? parts.length : climbs
  return up <= depth && !parts.slice(up).includes('..')
}

function quoted(path: string): string {
  return JSON.stringify(path.slice(0, 200))
}

function isCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === code
}
