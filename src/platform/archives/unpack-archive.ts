import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { createGunzip } from 'node:zlib'
import { ArchiveError, type ArchiveLimits, createTarget } from './archive-target.ts'
import { unpackTar } from './tar.ts'
import { unpackZip } from './zip.ts'

/**
 * Unpacks a tar, tar.gz or zip archive of whoever it is: nothing comes outside of `folder`, and no more than
 * `limits` let in. What it is, its first bytes say, not its name.
 * @param folder empty, and nobody else's to write to. After an error it holds what came before it.
 * @throws ArchiveError for what is refused, the signal's reason when it fires.
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
  // What is not a file's content counts too: names, padding, what is passed over.
  const most = limits.maxBytes + limits.maxEntries * BYTES_BESIDE
  await unpackTar(atMost(most, until(signal, gunzip(file))), stopping)
}

/** Of an entry in a tar archive, beside its content, on the average. */
const BYTES_BESIDE = 4096

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

async function* atMost(most: number, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let count = 0
  for await (const chunk of bytes) {
    count += chunk.length
    if (count > most) throw new ArchiveError(`the archive holds more than ${most} bytes`)
    yield chunk
  }
}
