import { open, readdir, lstat, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { ArchiveError, type ArchiveTarget } from './archive-target.ts'

/** POSIX.1-2017 `pax`, "ustar Interchange Format", with pax headers and GNU's long names. */

const BLOCK = 512
/** Of names and attributes that stand before an entry. */
const MAX_ATTRIBUTES = 1024 * 1024
const CHUNK = 64 * 1024

interface Header {
  path: string
  mode: number
  size: number
  type: string
  target: string
}

/** Unpacks a tar archive as it comes. @throws ArchiveError also for what is no tar, or ends too early. */
export async function unpackTar(bytes: AsyncIterable<Uint8Array>, target: ArchiveTarget): Promise<void> {
  const source = createSource(bytes)
  try {
    let next: Partial<Header> = {}
    for (;;) {
      const block = await source.take(BLOCK)
      if (block === undefined || block.every((byte) => byte === 0)) break
      const header = readHeader(block)
      if ('xgLK'.includes(header.type)) {
        Object.assign(next, await attributes(header, source))
        continue
      }
      await unpackEntry({ ...header, ...next }, source, target)
      next = {}
    }
    await target.finish()
  } finally {
    await source.close()
  }
}

async function unpackEntry(entry: Header, source: Source, target: ArchiveTarget): Promise<void> {
  const { type, path, mode, size } = entry
  const isFile = type === '0' || type === '\0' || type === '7'
  // Before POSIX a folder was a file whose name ends so.
  if (isFile && !path.endsWith('/')) await target.file(path, mode, source.chunks(size))
  else {
    if (type === '5' || isFile) await target.folder(path)
    else if (type === '2') target.symlink(path, entry.target)
    else if (type === '1') await target.hardLink(path, entry.target)
    else target.stray(path, KINDS[type] ?? 'special file')
    await source.skip(size)
  }
  await source.skip(padding(size))
}

const KINDS: Readonly<Record<string, string>> = {
  '3': 'device',
  '4': 'device',
  '6': 'pipe',
  S: 'sparse file',
}

function readHeader(block: Buffer): Header {
  const checksum = readNumber(block, 148, 8)
  const sum = block.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 32 : byte), 0)
  if (sum !== checksum) throw new ArchiveError('it is not a tar archive, or a damaged one')
  const isPosix = block.toString('latin1', 257, 263) === 'ustar\0'
  const prefix = isPosix ? readText(block, 345, 155) : ''
  const name = readText(block, 0, 100)
  return {
    path: prefix === '' ? name : `${prefix}/${name}`,
    mode: readNumber(block, 100, 8),
    size: readNumber(block, 124, 12),
    type: String.fromCharCode(block[156] ?? 0),
    target: readText(block, 157, 100),
  }
}

function readText(block: Buffer, at: number, length: number): string {
  const field = block.subarray(at, at + length)
  const end = field.indexOf(0)
  return field.toString('utf8', 0, end < 0 ? length : end)
}

/** Octal digits; or, where the first bit is set, GNU's form: the other bits are the number. */
function readNumber(block: Buffer, at: number, length: number): number {
  const first = block[at] ?? 0
  if ((first & 0x80) !== 0) {
    const rest = block.subarray(at + 1, at + length)
    const value = Number(BigInt(`0x${rest.toString('hex')}`))
    if (first !== 0x80 || !Number.isSafeInteger(value)) throw new ArchiveError('a number in it is too large')
    return value
  }
  const digits = block.toString('latin1', at, at + length).replace(/[\0 ]/g, '')
  if (!/^[0-7]*$/.test(digits)) throw new ArchiveError('it is not a tar archive, or a damaged one')
  return digits === '' ? 0 : parseInt(digits, 8)
}

/** What stands before an entry and says more of it than its header can. */
async function attributes({ type, size }: Header, source: Source): Promise<Partial<Header>> {
  if (size > MAX_ATTRIBUTES) throw new ArchiveError('a name in it is too long')
  const block = await source.take(size)
  await source.skip(padding(size))
  if (block === undefined) throw new ArchiveError('it ends in the middle')
  if (type === 'L') return { path: readText(block, 0, size) }
  if (type === 'K') return { target: readText(block, 0, size) }
  // `g` is for all entries to come; what is of use here is never in it.
  return type === 'x' ? paxAttributes(block) : {}
}

/** Records of the form `LENGTH KEY=VALUE\n`. */
function paxAttributes(block: Buffer): Partial<Header> {
  const found: Partial<Header> = {}
  for (let at = 0; at < block.length;) {
    const space = block.indexOf(0x20, at)
    const length = space < 0 ? NaN : Number(block.toString('latin1', at, space))
    const record = block.subarray(space + 1, at + length - 1)
    const equals = record.indexOf(0x3d)
    if (!Number.isSafeInteger(length) || length < 5 || at + length > block.length || equals < 1) {
      throw new ArchiveError('it is not a tar archive, or a damaged one')
    }
    const key = record.toString('utf8', 0, equals)
    const value = record.toString('utf8', equals + 1)
    if (key === 'path') found.path = value
    if (key === 'linkpath') found.target = value
    if (key === 'size') found.size = sizeOf(value)
    if (key.startsWith('GNU.sparse.')) throw new ArchiveError('it holds a sparse file')
    at += length
  }
  return found
}

function sizeOf(text: string): number {
  const size = /^\d{1,16}$/.test(text) ? Number(text) : NaN
  if (!Number.isSafeInteger(size)) throw new ArchiveError('a number in it is too large')
  return size
}

function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK
}

interface Source {
  /** So many bytes; undefined where there are none left at all. */
  take(count: number): Promise<Buffer | undefined>
  chunks(count: number): AsyncGenerator<Uint8Array>
  skip(count: number): Promise<void>
  close(): Promise<void>
}

function createSource(bytes: AsyncIterable<Uint8Array>): Source {
  const iterator = bytes[Symbol.asyncIterator]()
  let held: Uint8Array = new Uint8Array(0)

  async function* chunks(count: number): AsyncGenerator<Uint8Array> {
    for (let left = count; left > 0;) {
      if (held.length === 0) {
        const result = await iterator.next()
        if (result.done === true) throw new ArchiveError('it ends in the middle')
        held = result.value
        continue
      }
      const piece = held.subarray(0, left)
      held = held.subarray(piece.length)
      left -= piece.length
      yield piece
    }
  }

  async function take(count: number): Promise<Buffer | undefined> {
    while (held.length === 0) {
      const result = await iterator.next()
      if (result.done === true) return undefined
      held = result.value
    }
    const pieces: Uint8Array[] = []
    for await (const piece of chunks(count)) pieces.push(piece)
    return Buffer.concat(pieces)
  }

  return {
    take,
    chunks,
    skip: async (count) => {
      for await (const _ of chunks(count));
    },
    close: async () => void (await iterator.return?.()),
  }
}

/**
 * A folder's content as a tar archive: files, folders and symbolic links as they are, with their modes, as root's.
 * Links are not followed, and sockets, pipes and devices are left out.
 * @param under the path in the archive below which it stands.
 */
export async function* packTar(folder: string, under = ''): AsyncGenerator<Uint8Array> {
  yield* packFolder(folder, under)
  yield new Uint8Array(2 * BLOCK)
}

/** An archive of nothing but folders. @param paths relative, each after those that it is in */
export async function* packFolders(paths: readonly string[], mode: number): AsyncGenerator<Uint8Array> {
  for (const path of paths) yield* header({ path: `${path}/`, mode, size: 0, type: '5', target: '' })
  yield new Uint8Array(2 * BLOCK)
}

async function* packFolder(folder: string, under: string): AsyncGenerator<Uint8Array> {
  for (const name of (await readdir(folder)).toSorted()) {
    const place = join(folder, name)
    const path = under === '' ? name : `${under}/${name}`
    const stat = await lstat(place)
    const entry = { path, mode: stat.mode & 0o7777, size: 0, type: '0', target: '' }
    if (stat.isDirectory()) {
      yield* header({ ...entry, path: `${path}/`, type: '5' })
      yield* packFolder(place, path)
    } else if (stat.isSymbolicLink()) yield* header({ ...entry, type: '2', target: await readlink(place) })
    else if (stat.isFile()) yield* packFile(place, { ...entry, size: stat.size })
  }
}

async function* packFile(place: string, entry: Header): AsyncGenerator<Uint8Array> {
  yield* header(entry)
  const handle = await open(place)
  try {
    for (let left = entry.size; left > 0;) {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(Math.min(CHUNK, left)))
      if (bytesRead === 0) throw new ArchiveError(`${JSON.stringify(entry.path)} became shorter meanwhile`)
      left -= bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await handle.close()
  }
  yield new Uint8Array(padding(entry.size))
}

/** A header, and before it, where a name or a number does not fit in there, a pax header. */
function* header(entry: Header): Generator<Uint8Array> {
  const records = [
    fits(entry.path, 100) ? '' : record('path', entry.path),
    fits(entry.target, 100) ? '' : record('linkpath', entry.target),
    entry.size < 8 ** 11 ? '' : record('size', String(entry.size)),
  ].join('')
  if (records !== '') {
    const size = Buffer.byteLength(records)
    yield headerBlock({ path: 'pax', mode: 0o644, size, type: 'x', target: '' })
    yield Buffer.concat([Buffer.from(records), Buffer.alloc(padding(size))])
  }
  yield headerBlock(entry)
}

function fits(text: string, bytes: number): boolean {
  return Buffer.byteLength(text) <= bytes
}

function record(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`)
  let length = rest
  // The length counts its own digits.
  while (length !== rest + String(length).length) length = rest + String(length).length
  return `${length} ${key}=${value}\n`
}

function headerBlock({ path, mode, size, type, target }: Header): Buffer {
  const block = Buffer.alloc(BLOCK)
  const number = (value: number, at: number, length: number) =>
    block.write(value.toString(8).padStart(length - 1, '0'), at, 'latin1')
  Buffer.from(path).copy(block, 0, 0, 100)
  number(mode, 100, 8)
  number(0, 108, 8)
  number(0, 116, 8)
  number(size < 8 ** 11 ? size : 0, 124, 12)
  number(0, 136, 12)
  block.write(type, 156, 'latin1')
  Buffer.from(target).copy(block, 157, 0, 100)
  block.write('ustar\x0000', 257, 'latin1')
  block.fill(0x20, 148, 156)
  number(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  )
  return block
}
