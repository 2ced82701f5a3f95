/** The driver contract, part sandboxes: shared files and environment, isolation, and closing. */
import { describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Secret } from '../../../../src/redact/secret.ts'
import type { PlaceSpec, TaskSpec } from '../../../../src/server/runs/drivers/driver-interface.ts'
import { NEVER, openFixture, plainSpec, until } from './fixture.ts'
import type { DriverWorld } from './contract.ts'
import { grows } from './heartbeat.ts'

export function describeSandboxes(world: DriverWorld): void {
  describe('a sandbox', () => {
    const fixture = openFixture(world)

    async function open(more: Partial<PlaceSpec> = {}) {
      const { command: _, ...place } = { ...plainSpec(world, 'true'), runId: fixture.newRun(), ...more }
      await fixture.driver().openSandbox(place, NEVER)
      const { runId } = place
      const sandbox = place.number
      const exec = (command: string | string[], of: Partial<TaskSpec> = {}, signal = NEVER) =>
        fixture.run(command, { runId, sandbox, ...of }, signal)
      return { id: { runId, number: sandbox }, exec }
    }

    test('lets each task find the files of the one before it, and its exit code be known', async () => {
      const { exec } = await open()
      expect(await exec('mkdir sub && echo made > sub/file')).toMatchObject({ status: 'success', code: 0 })
      expect(await exec(['cat', 'sub/file'])).toMatchObject({ stdout: 'made\n', code: 0 })
      expect(await exec('echo no >&2; exit 2')).toMatchObject({ status: 'failure', code: 2, stderr: 'no\n' })
      expect(await exec('cat file', { workDir: 'sub' })).toMatchObject({ stdout: 'made\n' })
      expect(await exec(['cat'], { stdin: 'in' })).toMatchObject({ stdout: 'in' })
      expect(await exec(['no-such-program'])).toMatchObject({ status: 'error', code: 127 })
    }, 60_000)

    test('hands its environment to its tasks, whose own comes first', async () => {
      const { exec } = await open({ env: { KIND: 'place', TOKEN: new Secret('s3cret') } })
      expect((await exec('echo $KIND $TOKEN')).stdout).toBe('place s3cret\n')
      expect((await exec('echo $KIND $TOKEN', { env: { KIND: 'task' } })).stdout).toBe('task s3cret\n')
    }, 60_000)

    test('has the volumes that it was opened with', async () => {
      const runId = fixture.newRun()
      await fixture.driver().createVolume(runId, 'v')
      const mounts = [{ path: 'shared', volume: 'v' }]
      const { exec } = await open({ runId, mounts })
      await exec('echo seen > shared/file')
      expect((await fixture.run('cat shared/file', { runId, mounts })).stdout).toBe('seen\n')
    }, 60_000)

    test('lets tasks run side by side, and ends one without the others', async () => {
      const { exec } = await open()
      const wait = 'while [ ! -e go ]; do sleep 0.02; done; echo went'
      const slow = exec('echo begun > begun; sleep 60', { timeoutMs: world.startMs })
      const waiting = exec(wait)
      expect(await slow).toMatchObject({ status: 'abort' })
      await exec('touch go')
      expect(await waiting).toMatchObject({ status: 'success', stdout: 'went\n' })
    }, 60_000)

    test('is not seen by another, also of the same run', async () => {
      const one = await open()
      const two = await open({ runId: one.id.runId, number: 2 })
      await one.exec('touch mine')
      expect((await two.exec('ls')).stdout).toBe('')
    }, 60_000)

    test('is gone when it is closed, with what still ran in it', async () => {
      const runId = fixture.newRun()
      await fixture.driver().createVolume(runId, 'v')
      const mounts = [{ path: 'v', volume: 'v' }]
      const { id, exec } = await open({ runId, mounts })
      expect(await fixture.driver().hasSandbox(id)).toBe(true)
      const running = exec('while echo x >> v/beats; do sleep 0.05; done')
      const beats = join(await fixture.folderOfVolume(runId, 'v'), 'beats')
      await until(() => existsSync(beats))
      await fixture.driver().closeSandbox(id)
      expect((await running).status).not.toBe('success')
      expect(await fixture.driver().hasSandbox(id)).toBe(false)
      expect(await grows(beats)).toBe(false)
      await fixture.driver().closeSandbox(id)
      await fixture.driver().closeSandbox({ runId: fixture.newRun(), number: 1 })
    }, 60_000)
  })
}
