/** Unpacking an archive of any of the formats that are read: tar, tar.gz and zip. */
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { createGunzip } from 'node:zlib'
import { ArchiveError, type ArchiveLimits, createTarget } from './unpack-target-folder.ts'
import { unpackTar } from './unpack-tar.ts'
import { unpackZip } from './unpack-zip.ts'

/**
 * Unpacks an archive from an untrusted source: nothing is written outside of `folder`, nor more than `limits` allow.
 * Its first bytes tell the format, not its name.
 * @param folder an empty folder that only this user can write to; after an error it holds the entries before it
 * @throws ArchiveError for an archive that is refused; the signal's reason when it is aborted
 */
export async function unpackArchive(
  file: string,
  folder: string,
  limits: ArchiveLimits,
  signal: AbortSignal,
): Promise<void> {
  const target = createTarget(folder, limits)
  const kind = await kindOf(file)
  const stopping = {
    ...target,
    file: (path: string, mode: number, content: AsyncIterable<Uint8Array>) =>
      target.file(path, mode, until(signal, content)),
  }
  if (kind === 'zip') return await unpackZip(file, stopping)
  if (kind === 'tar') return await unpackTar(createReadStream(file), stopping)
  // Decompressed bytes that are not the content of a file count too: names, padding, skipped entries.
  const maxBytes = limits.maxBytes + limits.maxEntries * OVERHEAD_BYTES
  await unpackTar(atMost(maxBytes, until(signal, gunzip(file))), stopping)
}

/** An allowance for everything in a tar archive but content, per entry. */
const OVERHEAD_BYTES = 4096

async function kindOf(file: string): Promise<'zip' | 'gzip' | 'tar'> {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(512), 0, 512, 0)
    const start = buffer.toString('latin1', 0, 4)
    // An empty zip has nothing but its end.
    if (start === 'PK\x03\x04' || start === 'PK\x05\x06') return 'zip'
    if (start.startsWith('\x1f\x8b')) return 'gzip'
    if (bytesRead === 512) return 'tar'
  } finally {
    await handle.close()
  }
  throw new ArchiveError('it is not a tar, tar.gz or zip archive')
}

async function* gunzip(file: string): AsyncGenerator<Uint8Array> {
  const raw = createReadStream(file)
  const plain = createGunzip()
  raw.on('error', (error) => plain.destroy(error))
  try {
    yield* raw.pipe(plain) as AsyncIterable<Buffer>
  } catch (cause) {
    throw new ArchiveError('it is damaged', { cause })
  } finally {
    raw.destroy()
    plain.destroy()
  }
}

async function* until(signal: AbortSignal, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    signal.throwIfAborted()
    yield chunk
  }
}

async function* atMost(maxBytes: number, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let count = 0
  for await (const chunk of bytes) {
    count += chunk.length
    if (count > maxBytes) throw new ArchiveError(`the archive holds more than ${maxBytes} bytes`)
    yield chunk
  }
}
