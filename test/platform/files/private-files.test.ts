/** Private files: modes of files and folders, repairs, symbolic links, failed writes and unusual file types. */
import { describe, expect, test } from 'bun:test'
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { readPrivateFile } from '../../../src/platform/files/read-private-files.ts'
import { narrowingOf } from '../../../src/platform/files/secret-file-exposure.ts'
import {
  releaseRoom,
  reserveRoom,
  writePrivateFile,
} from '../../../src/platform/files/write-private-files.ts'
import { testWith } from '../../support/real-parts/skip-without-part.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const mode = (path: string) => (statSync(path).mode & 0o777).toString(8)

describe('private files', () => {
  test('S44, S199: a new file has mode 0600 and its new folder 0700', () => {
    const path = join(temporaryFolder(), 'home', 'credentials')
    writePrivateFile(path, 'text', { ownFolder: true })
    expect([mode(path), mode(join(path, '..'))]).toEqual(['600', '700'])
    expect(readPrivateFile(path)).toBe('text')
  })

  test('what is written into reserved room takes no other, and room that is not used is given back', () => {
    const path = join(temporaryFolder(), 'credentials')
    const room = reserveRoom(path, 'x', 4096)
    const { ino, size } = statSync(room)
    expect([mode(room), size]).toEqual(['600', 4096])
    writePrivateFile(path, 'text', { ownFolder: false, room })
    expect([statSync(path).ino, readPrivateFile(path)]).toEqual([ino, 'text'])
    releaseRoom(reserveRoom(path, 'x', 4096))
    expect(readdirSync(join(path, '..'))).toEqual(['credentials'])
    writePrivateFile(path, 'more', { ownFolder: false, room })
    expect(readPrivateFile(path)).toBe('more')
  })

  test('a wide mode of file and own folder is repaired by a write', () => {
    const folder = join(temporaryFolder(), 'home')
    mkdirSync(folder)
    const path = join(folder, 'credentials')
    writeFileSync(path, 'old')
    chmodSync(path, 0o666)
    chmodSync(folder, 0o755)
    writePrivateFile(path, 'new', { ownFolder: true })
    expect([mode(path), mode(folder), readPrivateFile(path)]).toEqual(['600', '700', 'new'])
  })

  test('a folder that is not ours keeps its mode', () => {
    const folder = join(temporaryFolder(), 'project')
    mkdirSync(folder)
    chmodSync(folder, 0o755)
    writePrivateFile(join(folder, 'creds.json'), 'x', { ownFolder: false })
    expect(mode(folder)).toBe('755')
  })

  test('a file that others can read is narrowed when it is read', () => {
    const path = join(temporaryFolder(), 'credentials')
    writeFileSync(path, 'x')
    chmodSync(path, 0o644)
    readPrivateFile(path)
    expect(mode(path)).toBe('600')
  })

  test('a symbolic link of the same user stays a link, and its target is replaced', () => {
    const folder = temporaryFolder()
    const target = join(temporaryFolder(), 'real')
    writeFileSync(target, 'old')
    symlinkSync(target, join(folder, 'link'))
    writePrivateFile(join(folder, 'link'), 'new', { ownFolder: true })
    expect([readFileSync(target, 'utf8'), readdirSync(folder)]).toEqual(['new', ['link']])
  })

  test('a failed write leaves the old file and no temporary one', () => {
    const folder = temporaryFolder()
    const path = join(folder, 'taken')
    mkdirSync(join(path, 'full'), { recursive: true })
    expect(() => writePrivateFile(path, 'x', { ownFolder: false })).toThrow()
    expect(readdirSync(folder)).toEqual(['taken'])
  })

  test('a missing file reads as undefined, a folder is an error', () => {
    const folder = temporaryFolder()
    expect(readPrivateFile(join(folder, 'none'))).toBeUndefined()
    expect(() => readPrivateFile(folder)).toThrow()
  })

  test('a pipe in the place of the file does not hang', () => {
    const path = join(temporaryFolder(), 'pipe')
    Bun.spawnSync(['mkfifo', path])
    expect(() => readPrivateFile(path)).toThrow('not a regular file')
  })
})

describe.skipIf(process.platform === 'win32')('what would keep a file to its owner', () => {
  const path = join(temporaryFolder(), 'secret')
  writeFileSync(path, 'a secret')
  test.each([
    [0o600, undefined],
    [0o400, undefined],
    [0o640, `chmod 600 ${path}`],
    [0o604, `chmod 600 ${path}`],
  ])('is said of one with the mode %o', (mode, command) => {
    chmodSync(path, mode)
    expect(narrowingOf(path)).toBe(command)
  })

  test('is nothing of what is no file', () => {
    expect(narrowingOf(temporaryFolder())).toBeUndefined()
    expect(narrowingOf(join(temporaryFolder(), 'none'))).toBeUndefined()
  })

  testWith(
    Bun.spawnSync(['unshare', '-m', 'true']).success ? undefined : 'the right to mount',
    'is nothing of what was mounted read-only, or as one file: nobody here could do it',
    async () => {
      const folder = temporaryFolder()
      const [own, one, mounted] = ['own', 'one', 'mounted/secret'].map((name) => join(folder, name))
      mkdirSync(join(folder, 'mounted'))
      for (const path of [own, one]) writeFileSync(path ?? '', 'text', { mode: 0o644 })
      const source = join(import.meta.dir, '../../../src/platform/files/secret-file-exposure.ts')
      const look = `const { narrowingOf } = await import(${JSON.stringify(source)})
        console.log(JSON.stringify(${JSON.stringify([own, one, mounted])}.map(narrowingOf)))`
      const script = `cd ${folder} && mount -t tmpfs none mounted && cp own mounted/secret && chmod 444 mounted/secret
        mount -o remount,ro mounted && mount --bind own one && exec "$@"`
      const cmd = ['unshare', '-m', 'sh', '-ec', script, 'sh', process.execPath, '-e', look]
      const { stdout } = Bun.spawnSync(cmd, { env: { PATH: process.env.PATH } })
      expect(JSON.parse(stdout.toString())).toEqual([`chmod 600 ${own}`, null, null])
    },
  )
})
