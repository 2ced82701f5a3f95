import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { crc32, createInflateRaw } from 'node:zlib'
import { ArchiveError, type ArchiveTarget } from './archive-target.ts'

/** PKWARE's APPNOTE.TXT 6.3; stored and deflated entries, Zip64 too. */

const END_SIGNATURE = 0x06054b50
const END_LENGTH = 22
const END64_LOCATOR = 0x07064b50
const END64_SIGNATURE = 0x06064b50
const ENTRY_SIGNATURE = 0x02014b50
const LOCAL_SIGNATURE = 0x04034b50
/** Of the list of all entries. */
const MAX_LIST = 64 * 1024 * 1024
/** Of the target of a symbolic link. */
const MAX_TARGET = 4096
const FILE_TYPE = 0o170000
const SYMLINK = 0o120000

interface Entry {
  path: string
  mode: number
  isLink: boolean
  method: number
  crc: number
  packed: number
  size: number
  /** Where its own header begins. */
  at: number
}

/** Unpacks a zip archive. @throws ArchiveError also for what is no zip, is encrypted, or ends too early. */
export async function unpackZip(file: string, target: ArchiveTarget): Promise<void> {
  const handle = await open(file)
  try {
    for (const entry of await readEntries(handle)) {
      if (entry.path.endsWith('/')) await target.folder(entry.path)
      else if (entry.isLink) target.symlink(entry.path, await readLink(file, handle, entry))
      else await target.file(entry.path, entry.mode, content(file, handle, entry))
    }
    await target.finish()
  } finally {
    await handle.close()
  }
}

async function readEntries(handle: FileHandle): Promise<Entry[]> {
  const { at, length } = await findList(handle)
  if (length > MAX_LIST) throw new ArchiveError('its list of entries is too long')
  const list = await read(handle, at, length)
  const entries: Entry[] = []
  for (let from = 0; from < list.length;) {
    if (from + 46 > list.length || list.readUInt32LE(from) !== ENTRY_SIGNATURE) throw damaged()
    const [name, extra, comment] = [28, 30, 32].map((field) => list.readUInt16LE(from + field)) as Lengths
    const end = from + 46 + name + extra + comment
    if (end > list.length) throw damaged()
    entries.push(readEntry(list.subarray(from, end), name, extra))
    from = end
  }
  return entries
}

type Lengths = [name: number, extra: number, comment: number]

function readEntry(record: Buffer, name: number, extra: number): Entry {
  if ((record.readUInt16LE(8) & 1) !== 0) throw new ArchiveError('it is encrypted')
  const wide = wideNumbers(record.subarray(46 + name, 46 + name + extra))
  const number = (at: number) => {
    const value = record.readUInt32LE(at)
    return value === 0xffff_ffff ? wide() : value
  }
  // In the order in which the extra field has them.
  const size = number(24)
  const packed = number(20)
  const at = number(42)
  const madeOn = record[5]
  const unixMode = madeOn === 3 || madeOn === 19 ? record.readUInt16LE(40) : 0
  return {
    path: record.toString('utf8', 46, 46 + name),
    mode: (unixMode & 0o777) === 0 ? 0o644 : unixMode,
    isLink: (unixMode & FILE_TYPE) === SYMLINK,
    method: record.readUInt16LE(10),
    crc: record.readUInt32LE(16),
    packed,
    size,
    at,
  }
}

/** The numbers of 64 bits that stand in the extra field 1, one after the other. */
function wideNumbers(extra: Buffer): () => number {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue
    let next = at + 4
    return () => {
      if (next + 8 > extra.length) throw damaged()
      next += 8
      return safe(extra.readBigUInt64LE(next - 8))
    }
  }
  return () => {
    throw damaged()
  }
}

/** Where the list of entries is, as the end of the file says. */
async function findList(handle: FileHandle): Promise<{ at: number; length: number }> {
  const { size } = await handle.stat()
  // The end is followed by a comment of up to 65,535 bytes.
  const from = Math.max(0, size - END_LENGTH - 0xffff)
  const tail = await read(handle, from, size - from)
  for (let at = tail.length - END_LENGTH; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== END_SIGNATURE) continue
    const found = { length: tail.readUInt32LE(at + 12), at: tail.readUInt32LE(at + 16) }
    const isWide = found.length === 0xffff_ffff || found.at === 0xffff_ffff
    return isWide ? await findWideList(handle, from + at) : within(found, size)
  }
  throw new ArchiveError('it is not a zip archive, or a damaged one')
}

async function findWideList(handle: FileHandle, end: number): Promise<{ at: number; length: number }> {
  const { size } = await handle.stat()
  if (end < 20) throw damaged()
  const locator = await read(handle, end - 20, 20)
  if (locator.readUInt32LE(0) !== END64_LOCATOR) throw damaged()
  const at = safe(locator.readBigUInt64LE(8))
  const record = await read(handle, within({ at, length: 56 }, size).at, 56)
  if (record.readUInt32LE(0) !== END64_SIGNATURE) throw damaged()
  return within({ length: safe(record.readBigUInt64LE(40)), at: safe(record.readBigUInt64LE(48)) }, size)
}

function within<T extends { at: number; length: number }>(range: T, size: number): T {
  if (range.at + range.length > size) throw damaged()
  return range
}

/** An entry's bytes, unpacked; no more than it declares, and checked at their end. */
async function* content(file: string, handle: FileHandle, entry: Entry): AsyncGenerator<Uint8Array> {
  const local = await read(handle, entry.at, 30)
  if (local.readUInt32LE(0) !== LOCAL_SIGNATURE) throw damaged()
  const start = entry.at + 30 + local.readUInt16LE(26) + local.readUInt16LE(28)
  let size = 0
  let crc = 0
  for await (const chunk of unpacked(file, start, entry)) {
    size += chunk.length
    if (size > entry.size) throw damaged()
    crc = crc32(chunk, crc)
    yield chunk
  }
  if (size !== entry.size || crc !== entry.crc) throw damaged()
}

async function* unpacked(file: string, start: number, entry: Entry): AsyncGenerator<Uint8Array> {
  if (entry.method !== 0 && entry.method !== 8) throw new ArchiveError('it is packed in an unknown way')
  if (entry.packed === 0) return
  const raw = createReadStream(file, { start, end: start + entry.packed - 1 })
  if (entry.method === 0) {
    yield* raw as AsyncIterable<Buffer>
    return
  }
  const inflate = createInflateRaw()
  raw.on('error', (error) => inflate.destroy(error))
  try {
    yield* raw.pipe(inflate) as AsyncIterable<Buffer>
  } catch (cause) {
    throw new ArchiveError('it is damaged', { cause })
  } finally {
    raw.destroy()
  }
}

async function readLink(file: string, handle: FileHandle, entry: Entry): Promise<string> {
  if (entry.size > MAX_TARGET) throw damaged()
  const pieces: Uint8Array[] = []
  for await (const piece of content(file, handle, entry)) pieces.push(piece)
  return Buffer.concat(pieces).toString('utf8')
}

async function read(handle: FileHandle, at: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  const { bytesRead } = await handle.read(buffer, 0, length, at)
  if (bytesRead !== length) throw damaged()
  return buffer
}

function safe(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged()
  return Number(value)
}

function damaged(): ArchiveError {
  return new ArchiveError('it is damaged')
}
