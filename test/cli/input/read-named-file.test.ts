/** Files and pipes named on the command line: the size limit, slow writers and interrupted reads. */
import { describe, expect, test } from 'bun:test'
import { closeSync, constants, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readNamedFile } from '../../../src/cli/input/read-named-file.ts'
import { interruption } from '../../../src/cli/deps.ts'
import { environment, FOB } from '../../support/client/compiled-binary.ts'
import {
  asPlainUser,
  fobOfPlainUser,
  giveToPlainUser,
  missingPlainUser,
} from '../../support/real-parts/plain-user.ts'
import { testWith } from '../../support/real-parts/skip-without-part.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const folder = temporaryFolder()
const quiet = { signal: new AbortController().signal }
const limitBytes = 100 * 1024

function pipe(name: string): string {
  const path = join(folder, name)
  if (Bun.spawnSync(['mkfifo', path]).exitCode !== 0) throw new Error('mkfifo')
  return path
}

/** As soon as somebody reads; nothing is written, so they go on waiting. */
async function openForWriting(path: string): Promise<number> {
  for (;;) {
    try {
      return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
    } catch {
      await Bun.sleep(5)
    }
  }
}

describe('a file that the user named', () => {
  test('is read whole up to the limit', async () => {
    const path = join(folder, 'whole')
    writeFileSync(path, Buffer.alloc(limitBytes, 'x'))
    expect((await readNamedFile(path, { limitBytes }, quiet)).length).toBe(limitBytes)
  })

  test('may be a pipe, which is read until its writer closes it', async () => {
    const path = pipe('slow')
    const writer = Bun.spawn(['sh', '-c', 'exec >"$0"; printf one; sleep 0.1; printf two', path])
    const bytes = await readNamedFile(path, { limitBytes }, quiet)
    expect(Buffer.from(bytes).toString()).toBe('onetwo')
    await writer.exited
  })

  test('may be a pipe that nobody writes to: a signal ends the waiting', async () => {
    const path = pipe('idle')
    const abort = new AbortController()
    const reading = readNamedFile(path, { limitBytes }, abort)
    abort.abort(interruption())
    await expect(reading).rejects.toThrow('interrupted')
    // Lets the thread go that still waits in open(2).
    closeSync(openSync(path, constants.O_RDWR | constants.O_NONBLOCK))
  })

  mkdirSync(join(folder, 'folder'))
  writeFileSync(join(folder, 'large'), Buffer.alloc(limitBytes + 1))
  writeFileSync(join(folder, 'file'), '')
  test.each([
    ['absent', 'there is no file PATH'],
    ['file/below', 'there is no file PATH'],
    ['folder', 'PATH is a folder'],
    ['large', 'PATH is larger than 100 KiB'],
    ['/dev/zero', 'PATH is a device'],
    ['x'.repeat(300), 'cannot read PATH: its name is too long'],
  ])('%s: %s', async (name, said) => {
    const path = name.startsWith('/') ? name : join(folder, name)
    const fault = readNamedFile(path, { limitBytes, code: 'config' }, quiet)
    await expect(fault).rejects.toMatchObject({ code: 'config', message: said.replace('PATH', path) })
  })
})

/** All that take a file of the user's. */
const READERS: readonly string[][] = [
  ['pipeline', 'set', 'FILE'],
  ['pipeline', 'set', 'good.ts', '--secret-file', 'FILE'],
  ['secrets', 'set', 'KEY', '--from-file', 'FILE'],
  ['server', '--config', 'FILE'],
  ['server', '--secrets-sqlite-passphrase-file', 'FILE'],
  ['server', '--secrets-key-file', 'FILE'],
  ['server', 'rotate-passphrase', '--secrets-sqlite-passphrase', 'x', '--new-passphrase-file', 'FILE'],
]
const nobodyThere = { FOB_SERVER: 'http://127.0.0.1:1' }

describe('a command', () => {
  test.each(READERS.slice(0, 4).map((words) => [words.join(' ')]))(
    'fob %s waits for a pipe',
    async (words) => {
      const path = pipe(`${words.replaceAll(/\W/g, '_')}.ts`)
      writeFileSync(join(folder, 'good.ts'), 'export const pipeline = () => {}')
      const child = Bun.spawn([FOB, ...words.replace('FILE', path).split(' ')], {
        ...environment({ cwd: folder, env: nobodyThere }),
        stdin: 'ignore',
        stderr: 'pipe',
      })
      const writer = await openForWriting(path)
      child.kill('SIGTERM')
      expect([await child.exited, await child.stderr.text()]).toEqual([130, 'fob: interrupted\n'])
      closeSync(writer)
    },
  )

  test.each([
    ['without a name', [], 2, 'fob: a pipe does not name the pipeline\nhint: name it with -n NAME\n'],
    ['and is told its name', ['-n', 'x'], 7, 'fob: cannot reach'],
  ])('that is given a pipe for the source %s', (_, more, code, said) => {
    const script = 'echo "export const pipeline = () => {}" | "$0" pipeline set /dev/stdin "$@"'
    const ended = Bun.spawnSync(['sh', '-c', script, FOB, ...more], environment({ env: nobodyThere }))
    expect([ended.exitCode, ended.stderr.toString()]).toEqual([code, expect.stringContaining(said)])
  })

  for (const words of READERS) {
    testWith(missingPlainUser(), `fob ${words.join(' ')} that may not be read says so`, async () => {
      const home = temporaryFolder()
      giveToPlainUser(home)
      writeFileSync(join(home, 'secret.ts'), 'x', { mode: 0 })
      giveToPlainUser(join(home, 'secret.ts'))
      writeFileSync(join(home, 'good.ts'), 'export const pipeline = () => {}')
      const args = words.map((word) => (word === 'FILE' ? 'secret.ts' : word))
      const ended = Bun.spawnSync(asPlainUser([fobOfPlainUser(), ...args]), {
        ...environment({ home, env: nobodyThere }),
        stdin: 'ignore',
      })
      expect(ended.stderr.toString()).toMatch(/^fob: cannot read .*secret\.ts.*: permission denied\n$/)
      expect(ended.exitCode).toBe(2)
    })
  }
})
