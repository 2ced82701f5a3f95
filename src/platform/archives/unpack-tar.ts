/** Reading tar archives: POSIX.1-2017 `pax`, "ustar Interchange Format", with pax headers and GNU's long names. */
import { ArchiveError, type ArchiveTarget } from './unpack-target-folder.ts'

const BLOCK = 512
/** Of the long names and pax records before an entry, in bytes. */
const MAX_ATTRIBUTES = 1024 * 1024

interface Header {
  path: string
  mode: number
  size: number
  type: string
  target: string
}

/**
 * Unpacks a tar archive from a stream, holding no more than one chunk of it.
 * @throws ArchiveError also for bytes that are not a tar archive, or end too early
 */
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

/** Octal digits; or, where the first bit is set, GNU's form: the other bits are a binary number. */
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

/** Reads a header that belongs to the next entry: a long name, or pax records. */
async function attributes({ type, size }: Header, source: Source): Promise<Partial<Header>> {
  if (size > MAX_ATTRIBUTES) throw new ArchiveError('a name in it is too long')
  const block = await source.take(size)
  await source.skip(padding(size))
  if (block === undefined) throw new ArchiveError('it ends in the middle')
  if (type === 'L') return { path: readText(block, 0, size) }
  if (type === 'K') return { target: readText(block, 0, size) }
  // A global header (`g`) is ignored: no archiver puts names or sizes into it.
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

/** A stream of bytes, read by count. */
interface Source {
  /** The next `count` bytes; undefined at the end of the stream. */
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
