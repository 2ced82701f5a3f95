/** Tar and zip archives, packed and unpacked: names, modes, links, and hostile ones that write nothing outside. */
import { describe, expect, test } from 'bun:test'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { unpackArchive } from '../../../src/platform/archives/unpack-archive.ts'
import {
  ArchiveError,
  type ArchiveLimits,
  createTarget,
} from '../../../src/platform/archives/unpack-target-folder.ts'
import { packTar } from '../../../src/platform/archives/pack-tar.ts'
import { unpackTar } from '../../../src/platform/archives/unpack-tar.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const LIMITS: ArchiveLimits = { maxBytes: 1024 * 1024, maxEntries: 100, strays: 'refuse' }
const NEVER = new AbortController().signal
const LONG = `${'long-'.repeat(40)}name.txt`

/** A folder with one of everything that an archive carries. */
function sample(): string {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'src/deep'), { recursive: true })
  mkdirSync(join(folder, 'empty'))
  writeFileSync(join(folder, 'README'), 'read me\n')
  writeFileSync(join(folder, 'src/deep/grün.txt'), 'x'.repeat(70_000))
  writeFileSync(join(folder, 'src', LONG), 'long')
  writeFileSync(join(folder, 'src/nothing'), '')
  writeFileSync(join(folder, 'build.sh'), '#!/bin/sh\n')
  chmodSync(join(folder, 'build.sh'), 0o755)
  symlinkSync('../README', join(folder, 'src/link'))
  return folder
}

/** Every path of a folder, with what is there. */
function content(folder: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted()) {
    const stat = lstatSync(join(folder, path))
    if (stat.isSymbolicLink()) found[path] = `-> ${readlinkSync(join(folder, path))}`
    else if (stat.isDirectory()) found[path] = '/'
    else found[path] = `${(stat.mode & 0o111) === 0 ? '' : 'x '}${readFileSync(join(folder, path), 'utf8')}`
  }
  return found
}

function run(cmd: string[], cwd: string): void {
  const { exitCode, stderr } = Bun.spawnSync({ cmd, cwd })
  if (exitCode !== 0) throw new Error(`${cmd.join(' ')}: ${stderr.toString()}`)
}

async function unpack(file: string, limits = LIMITS, signal = NEVER): Promise<string> {
  const folder = temporaryFolder()
  await unpackArchive(file, folder, limits, signal)
  return folder
}

const ZIP = `
import os, sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED) as z:
  for base, folders, files in os.walk('.'):
    for name in folders + files:
      path = os.path.join(base, name)
      if os.path.islink(path):
        info = zipfile.ZipInfo(path[2:]); info.create_system = 3; info.external_attr = 0o120777 << 16
        z.writestr(info, os.readlink(path))
      else: z.write(path, path[2:])
`

describe('an archive is unpacked as it was packed', () => {
  test.each([
    ['GNU tar', ['tar', '--format=gnu', '-cf', 'OUT', '.']],
    ['POSIX tar', ['tar', '--format=posix', '-cf', 'OUT', '.']],
    ['tar.gz', ['tar', '-czf', 'OUT', '.']],
    ['zip', ['python3', '-c', ZIP, 'OUT']],
  ])('%s', async (_name, command) => {
    const from = sample()
    const file = join(temporaryFolder(), 'archive')
    run(
      command.map((word) => (word === 'OUT' ? file : word)),
      from,
    )
    expect(content(await unpack(file))).toEqual(content(from))
  })

  test('hard links are the file that they lead to', async () => {
    const from = temporaryFolder()
    writeFileSync(join(from, 'a'), 'one')
    run(['ln', 'a', 'b'], from)
    const file = join(temporaryFolder(), 'a.tar')
    run(['tar', '-cf', file, 'a', 'b'], from)
    expect(content(await unpack(file))).toEqual({ a: 'one', b: 'one' })
  })

  test('what packTar writes, tar reads, and so do we', async () => {
    const from = sample()
    const file = join(temporaryFolder(), 'a.tar')
    writeFileSync(file, Buffer.concat(await Array.fromAsync(packTar(from))))
    const theirs = temporaryFolder()
    run(['tar', '-xf', file], theirs)
    expect(content(theirs)).toEqual(content(from))
    expect(content(await unpack(file))).toEqual(content(from))
  })

  test('names of a zip are UTF-8, also where it does not say so, as those of macOS', async () => {
    const file = zipped(`z.writestr('gr\\u00fcn.txt', 'x')`)
    const bytes = readFileSync(file)
    const list = bytes.indexOf(Buffer.from('PK\x01\x02'))
    bytes.writeUInt16LE(bytes.readUInt16LE(list + 8) & ~0x800, list + 8)
    writeFileSync(file, bytes)
    expect(content(await unpack(file))).toEqual({ 'grün.txt': 'x' })
  })

  test('packTar can be left before its end', async () => {
    for await (const chunk of packTar(sample())) {
      expect(chunk.length).toBeGreaterThan(0)
      break
    }
  })

  test('packTar keeps modes, also that of a file that nobody may read', async () => {
    const from = temporaryFolder()
    writeFileSync(join(from, 'a'), 'one')
    chmodSync(join(from, 'a'), 0)
    const file = join(temporaryFolder(), 'a.tar')
    writeFileSync(file, Buffer.concat(await Array.fromAsync(packTar(from))))
    const { stdout } = Bun.spawnSync({ cmd: ['tar', '-tvf', file] })
    expect(stdout.toString()).toMatch(/^---------- 0\/0 +3 1970-01-01/)
  })

  test('packTar puts it under a path', async () => {
    const from = temporaryFolder()
    writeFileSync(join(from, 'a'), 'one')
    const to = temporaryFolder()
    await unpackTar(packTar(from, 'x/y'), createTarget(to, LIMITS))
    expect(content(to)).toEqual({ x: '/', 'x/y': '/', 'x/y/a': 'one' })
  })

  test('a tar is read in pieces of every size', async () => {
    const from = sample()
    const whole = Buffer.concat(await Array.fromAsync(packTar(from)))
    for (const size of [1, 7, 511, 513, 4096]) {
      const to = temporaryFolder()
      await unpackTar(pieces(whole, size), createTarget(to, LIMITS))
      expect(content(to)).toEqual(content(from))
    }
  })
})

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

interface Entry {
  name: string
  type?: string
  link?: string
  body?: string
  /** As the header says it; else the body's. */
  size?: number
}

/** Entries that no honest program writes. */
function tar(entries: Entry[]): Buffer {
  const blocks = entries.map(({ name, type = '0', link = '', body = '', size = body.length }) => {
    const block = Buffer.alloc(512)
    block.write(name, 0)
    block.write('0000644\0', 100)
    block.write(size.toString(8).padStart(11, '0'), 124)
    block.write(type, 156)
    block.write(link, 157)
    block.write('ustar\x0000', 257)
    block.fill(0x20, 148, 156)
    block.write(
      block
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(7, '0'),
      148,
    )
    return Buffer.concat([block, Buffer.from(body), Buffer.alloc((512 - (body.length % 512)) % 512)])
  })
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
}

function fileOf(bytes: Uint8Array): string {
  const file = join(temporaryFolder(), 'archive')
  writeFileSync(file, bytes)
  return file
}

const zipped = (script: string): string => {
  const file = join(temporaryFolder(), 'a.zip')
  run(
    [
      'python3',
      '-c',
      `import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1], 'w')\n${script}\nz.close()`,
      file,
    ],
    '/',
  )
  return file
}

describe('a hostile archive is refused, and writes nothing outside', () => {
  test.each<[string, Entry[], RegExp]>([
    ['an absolute path', [{ name: '/tmp/fob-escape', body: 'x' }], /leads out of the archive/],
    ['a path that climbs', [{ name: 'a/../../fob-escape', body: 'x' }], /leads out of the archive/],
    ['a link out', [{ name: 'a', type: '2', link: '../outside' }], /link "a" leads out/],
    ['an absolute link', [{ name: 'a', type: '2', link: '/etc/passwd' }], /link "a" leads out/],
    ['a link that climbs later', [{ name: 'a/b/l', type: '2', link: 'x/../../..' }], /leads out/],
    ['a hard link out', [{ name: 'a', type: '1', link: '../outside' }], /leads out of the archive/],
    ['a hard link to nothing', [{ name: 'a', type: '1', link: 'b' }], /leads to no file/],
    [
      'a file through a link',
      [
        { name: 'a', type: '2', link: '.' },
        { name: 'a/b', body: 'x' },
      ],
      /is a file and a folder/,
    ],
    [
      'a folder that is a file',
      [
        { name: 'a', body: 'x' },
        { name: 'a/b', body: 'x' },
      ],
      /is a file and a folder/,
    ],
    ['a device', [{ name: 'a', type: '3' }], /is a device/],
    ['a pipe', [{ name: 'a', type: '6' }], /is a pipe/],
    ['a file that ends early', [{ name: 'a', size: 100_000, body: 'x' }], /ends in the middle/],
    ['a name that is too long', [{ name: 'a', type: 'L', size: 2 ** 30 }], /name in it is too long/],
    ['a broken attribute', [{ name: 'a', type: 'x', body: '99 path=b\n' }], /damaged/],
    [
      'an attribute with a path out',
      [{ name: 'p', type: 'x', body: '16 path=../../x\n' }, { name: 'a' }],
      /leads out/,
    ],
    ['too much', [{ name: 'a', body: 'x'.repeat(LIMITS.maxBytes + 1) }], /more than 1048576 bytes/],
    ['too many', Array.from({ length: 101 }, (_, at) => ({ name: `f${at}` })), /more than 100 entries/],
  ])('tar: %s', async (_name, entries, reason) => {
    const file = fileOf(tar(entries))
    const failure = await unpack(file).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(ArchiveError)
    expect(String(failure)).toMatch(reason)
    expect(lstatSync('/tmp/fob-escape', { throwIfNoEntry: false })).toBeUndefined()
  })

  test.each([
    ['a path that climbs', `z.writestr('../fob-escape', 'x')`, /leads out/],
    ['an absolute path', `z.writestr('/tmp/fob-escape', 'x')`, /leads out/],
    [
      'a link out',
      `i = zipfile.ZipInfo('a'); i.create_system = 3; i.external_attr = 0o120777 << 16; z.writestr(i, '/etc')`,
      /link "a" leads out/,
    ],
    ['too much', `z.writestr('a', b'0' * (2 ** 20 + 1), zipfile.ZIP_DEFLATED)`, /more than 1048576 bytes/],
    ['an unknown way of packing', `z.writestr('a', 'x' * 1000, zipfile.ZIP_BZIP2)`, /unknown way/],
  ])('zip: %s', async (_name, script, reason) => {
    const failure = await unpack(zipped(script)).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(ArchiveError)
    expect(String(failure)).toMatch(reason)
  })

  test('a zip that says less than it holds ends at what it said', async () => {
    const file = zipped(`z.writestr('a', b'0' * 50000, zipfile.ZIP_DEFLATED)`)
    const bytes = readFileSync(file)
    const list = bytes.indexOf(Buffer.from('PK\x01\x02'))
    bytes.writeUInt32LE(10, list + 24)
    writeFileSync(file, bytes)
    await expect(unpack(file)).rejects.toThrow('damaged')
  })

  test('a small tar.gz that grows without end is stopped', async () => {
    const bomb = gzipSync(tar([{ name: 'a', type: '3', body: 'x'.repeat(8 * 1024 * 1024) }]))
    const failure = await unpack(fileOf(bomb), { ...LIMITS, strays: 'leave out', maxEntries: 10 }).catch(
      String,
    )
    expect(failure).toContain('more than')
  })

  test.each([
    ['nothing', ''],
    ['text', 'hello '.repeat(200)],
    ['a damaged gzip', '\x1f\x8bnot really'],
    ['half a zip', 'PK\x03\x04 and no end'],
  ])('%s is no archive', async (_name, text) => {
    const failure = await unpack(fileOf(Buffer.from(text, 'latin1'))).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(ArchiveError)
  })

  test('bytes at random never do more than fail', async () => {
    const seed = tar([
      { name: 'a/b', body: 'hello' },
      { name: 'l', type: '2', link: 'a' },
    ])
    for (let round = 0; round < 300; round++) {
      const bytes = Buffer.from(seed)
      for (let flips = 0; flips < 4; flips++) {
        const at = (round * 7919 + flips * 104_729) % bytes.length
        bytes.writeUInt8(bytes.readUInt8(at) ^ (1 + (round % 255)), at)
      }
      await unpack(fileOf(bytes)).catch((error: unknown) => expect(error).toBeInstanceOf(ArchiveError))
    }
  })

  test('bytes at random in a zip never do more than fail', async () => {
    const script = `z.writestr('a/b', 'hello ' * 50, zipfile.ZIP_DEFLATED); z.writestr('c', 'stored')`
    const seed = readFileSync(zipped(script))
    let refused = 0
    for (let round = 0; round < 300; round++) {
      const bytes = Buffer.from(seed)
      for (let flips = 0; flips < 2; flips++) {
        const at = 4 + ((round * 7919 + flips * 104_729) % (bytes.length - 4))
        bytes.writeUInt8(bytes.readUInt8(at) ^ (1 + (round % 255)), at)
      }
      await unpack(fileOf(bytes)).catch((error: unknown) => {
        refused++
        expect(error).toBeInstanceOf(ArchiveError)
      })
    }
    expect(refused).toBeGreaterThan(100)
  })

  test('what leads out can be left out instead', async () => {
    const bytes = tar([
      { name: 'l', type: '2', link: '/etc/passwd' },
      { name: 'd', type: '3' },
      { name: 'a', body: 'x' },
    ])
    expect(content(await unpack(fileOf(bytes), { ...LIMITS, strays: 'leave out' }))).toEqual({ a: 'x' })
  })

  test('a signal ends it', async () => {
    const file = fileOf(tar([{ name: 'a', body: 'x'.repeat(100_000) }]))
    await expect(unpack(file, LIMITS, AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped')
  })
})
