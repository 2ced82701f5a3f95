/** The driver contract, part volumes: mounting, isolation between runs, import and export of folders. */
import { describe, expect, test } from 'bun:test'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { Fault } from '../../../../src/contract/fault.ts'
import { temporaryFolder } from '../../../support/temporary.ts'
import { failure, NEVER, openFixture } from './fixture.ts'
import type { DriverWorld } from './contract.ts'

export function describeVolumes(world: DriverWorld): void {
  describe('a volume', () => {
    const fixture = openFixture(world)

    async function runWithVolume() {
      const runId = fixture.newRun()
      await fixture.driver().createVolume(runId, 'workspace')
      const mounts = [{ path: 'workspace', volume: 'workspace' }]
      const run = (script: string) => fixture.run(script, { runId, mounts })
      const place = (path = '.') => ({ runId, volume: 'workspace', path })
      return { runId, mounts, run, place }
    }

    test('is shared by the tasks that mount it, wherever they do', async () => {
      const { runId, run } = await runWithVolume()
      expect((await run('mkdir workspace/sub && echo one > workspace/sub/file')).code).toBe(0)
      const mounts = [{ path: 'deep/er/place', volume: 'workspace' }]
      const ran = await fixture.run('cat deep/er/place/sub/file; ls', { runId, mounts })
      expect(ran).toMatchObject({ code: 0, stdout: 'one\ndeep\n' })
    }, 30_000)

    test('can be where a task works', async () => {
      const { runId, mounts, run } = await runWithVolume()
      await fixture.run('echo here > file', { runId, mounts, workDir: 'workspace/sub' })
      expect((await run('cat workspace/sub/file')).stdout).toBe('here\n')
    }, 30_000)

    test('is made once, and keeps what it has when it is asked for again', async () => {
      const { runId, run } = await runWithVolume()
      await run('echo kept > workspace/file')
      await fixture.driver().createVolume(runId, 'workspace')
      expect((await run('cat workspace/file')).stdout).toBe('kept\n')
    }, 30_000)

    test('is not that of the same name of another run, and two of a run are two', async () => {
      const [one, two] = [await runWithVolume(), await runWithVolume()]
      await one.run('touch workspace/mine')
      expect((await two.run('ls workspace')).stdout).toBe('')
      await fixture.driver().createVolume(one.runId, 'other')
      const mounts = [...one.mounts, { path: 'other', volume: 'other' }]
      expect((await fixture.run('ls other; ls workspace', { runId: one.runId, mounts })).stdout).toBe(
        'mine\n',
      )
    }, 30_000)

    test.each(['..', '.', 'a/b', '', '/x'])('is not called %p', async (name) => {
      expect(await failure(fixture.driver().createVolume(fixture.newRun(), name))).toBeInstanceOf(Fault)
    })

    test('that is not there cannot be mounted', async () => {
      const { runId } = await runWithVolume()
      const mounts = [{ path: 'x', volume: 'no-such' }]
      const error = await failure(fixture.run('true', { runId, mounts }))
      expect(error).toBeInstanceOf(Fault)
      expect(String(error)).toContain('no-such')
    }, 30_000)

    test.each(['../x', 'a/../../x', '.', ''])(
      'cannot be mounted at %p',
      async (path) => {
        const { runId } = await runWithVolume()
        const error = await failure(fixture.run('true', { runId, mounts: [{ path, volume: 'workspace' }] }))
        expect(error).toBeInstanceOf(Fault)
      },
      30_000,
    )

    test('takes a folder of this machine and gives it back as it was', async () => {
      const from = temporaryFolder()
      mkdirSync(join(from, 'with space', 'empty'), { recursive: true })
      mkdirSync(join(from, '-dash'))
      writeFileSync(join(from, 'with space', 'a b\n.txt'), 'one')
      writeFileSync(join(from, '-dash', 'ünï'), 'two')
      writeFileSync(join(from, '.hidden'), Buffer.alloc(300_000, 7))
      writeFileSync(join(from, 'run.sh'), '#!/bin/sh\necho ran\n', { mode: 0o755 })
      chmodSync(join(from, '.hidden'), 0o640)
      symlinkSync('run.sh', join(from, 'link'))
      symlinkSync('/etc/passwd', join(from, 'out'))
      symlinkSync('nowhere', join(from, 'dangling'))
      symlinkSync('/etc', join(from, 'out-folder'))

      const { run, place } = await runWithVolume()
      await fixture.driver().importFolder(place('in/here'), from, NEVER)
      expect((await run('cd workspace/in/here && ./run.sh && ./link')).stdout).toBe('ran\nran\n')

      const to = temporaryFolder()
      await fixture.driver().exportFolder(place('in/here'), to, NEVER)
      expect(tree(to)).toEqual(tree(from))
      expect(statSync(join(to, '.hidden')).mode & 0o777).toBe(0o640)
      expect(readFileSync(join(to, '.hidden')).equals(Buffer.alloc(300_000, 7))).toBe(true)
    }, 60_000)

    test('gives what tasks have made, links as links, and nothing that would block', async () => {
      const { run, place } = await runWithVolume()
      await run('cd workspace && mkdir d && echo x > d/f && ln -s /etc/passwd d/out && mkfifo d/pipe')
      const to = temporaryFolder()
      await fixture.driver().exportFolder(place('d'), to, NEVER)
      expect(
        readdirSync(to)
          .toSorted()
          .filter((name) => name !== 'pipe'),
      ).toEqual(['f', 'out'])
      expect(lstatSync(join(to, 'out')).isSymbolicLink()).toBe(true)
    }, 60_000)

    test('is written to beside what it has, and through no link that a task left', async () => {
      const { run, place } = await runWithVolume()
      await run('cd workspace && echo keep > a && ln -s a b && echo old > c && ln -s /tmp elsewhere')
      const from = temporaryFolder()
      for (const name of ['b', 'c']) writeFileSync(join(from, name), 'new\n')
      await fixture.driver().importFolder(place(), from, NEVER)
      expect((await run('cd workspace && cat a b c && [ ! -L b ] && echo file')).stdout).toBe(
        'keep\nnew\nnew\nfile\n',
      )
      expect(await failure(fixture.driver().importFolder(place('elsewhere/x'), from, NEVER))).toBeInstanceOf(
        Fault,
      )
      expect(existsSync('/tmp/x/b')).toBe(false)
    }, 60_000)

    test.each(['../x', '/etc', 'a/../../x'])(
      'is not left by the path %p',
      async (path) => {
        const { place } = await runWithVolume()
        const { importFolder, exportFolder } = fixture.driver()
        expect(await failure(importFolder(place(path), temporaryFolder(), NEVER))).toBeInstanceOf(Fault)
        expect(await failure(exportFolder(place(path), temporaryFolder(), NEVER))).toBeInstanceOf(Fault)
      },
      30_000,
    )

    test('says what is not there to be given', async () => {
      const { run, place } = await runWithVolume()
      await run('ln -s /etc workspace/link')
      for (const path of ['missing', 'link']) {
        const error = await failure(fixture.driver().exportFolder(place(path), temporaryFolder(), NEVER))
        expect(error).toBeInstanceOf(Fault)
        expect(String(error)).toContain(path)
      }
    }, 30_000)
  })
}

/** Every entry by path: its kind, its mode, and what it holds or leads to. */
function tree(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => !name.startsWith('out-folder/'))
    .map((name) => {
      const path = join(folder, name)
      const stat = lstatSync(path)
      if (stat.isSymbolicLink()) return `${name} -> ${readlinkSync(path)}`
      const mode = (stat.mode & 0o777).toString(8)
      return stat.isDirectory() ? `${name}/ ${mode}` : `${name} ${mode} ${Bun.hash(readFileSync(path))}`
    })
    .toSorted()
}
