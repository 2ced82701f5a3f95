/** The driver contract, part output: all bytes in order, backpressure and failing sinks. */
import { describe, expect, test } from 'bun:test'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../../../src/platform/clock.ts'
import type { TaskSinks } from '../../../../src/server/runs/drivers/driver-interface.ts'
import { collect, failure, NEVER, openFixture, runToEnd } from './fixture.ts'
import type { DriverWorld } from './contract.ts'
import { heartbeat } from './heartbeat.ts'

const nothingStored = () => ({ stdout: 0, stderr: 0 })
/** To 200000, a hundred numbers a line. */
const count = `seq 1 200000 | awk '{ printf "%s%s", $0, NR % 100 ? " " : "\\n" }'`
const full = () => Promise.reject(new Error('disk full'))

export function describeOutput(world: DriverWorld): void {
  describe('output of a task', () => {
    const fixture = openFixture(world)

    test('is any bytes, whole and in order, on both streams', async () => {
      const chunks: Uint8Array[] = []
      const sinks: TaskSinks = {
        stdout: async (chunk) => void chunks.push(chunk.slice()),
        stderr: async () => {},
        stored: nothingStored,
      }
      const spec = fixture.spec(`printf "\\000\\377\\r\\n"; ${count}; { ${count}; } >&2`)
      await fixture.driver().run(spec, sinks, NEVER)
      const numbers = Array.from({ length: 200_000 }, (_, i) => `${i + 1}${(i + 1) % 100 === 0 ? '\n' : ' '}`)
      const all = Buffer.concat(chunks)
      expect([...all.subarray(0, 4)]).toEqual([0, 255, 13, 10])
      expect(all.subarray(4).toString() === numbers.join('')).toBe(true)
    }, 60_000)

    test('comes while the task goes on', async () => {
      const runId = fixture.newRun()
      await fixture.driver().createVolume(runId, 'v')
      const mounts = [{ path: 'v', volume: 'v' }]
      const told = Promise.withResolvers<void>()
      const { sinks } = collect()
      const stdout = async (chunk: Uint8Array) => void (chunk.length > 0 && told.resolve())
      const spec = fixture.spec('echo now; while [ ! -e v/go ]; do sleep 0.02; done', { runId, mounts })
      const running = fixture.driver().run(spec, { ...sinks, stdout }, NEVER)
      await told.promise
      writeFileSync(join(await fixture.folderOfVolume(runId, 'v'), 'go'), '')
      expect(await running).toMatchObject({ status: 'success' })
    }, 60_000)

    test('goes to a slow reader one chunk at a time, all of it', async () => {
      let [bytes, inside, most] = [0, 0, 0]
      const stdout = async (chunk: Uint8Array) => {
        most = Math.max(most, ++inside)
        bytes += chunk.length
        if (bytes < 4_000_000) await systemClock.sleep(15)
        inside -= 1
      }
      const spec = fixture.spec('head -c 8000000 /dev/zero')
      const end = await runToEnd(fixture.driver(), spec, {
        stdout,
        stderr: stdout,
        stored: nothingStored,
      })
      expect([end.status, bytes, most]).toEqual(['success', 8_000_000, 1])
    }, 60_000)

    if (world.can.slowsTasksDown)
      test('slows the task down when nobody takes it', async () => {
        const runId = fixture.newRun()
        await fixture.driver().createVolume(runId, 'v')
        const mounts = [{ path: 'v', volume: 'v' }]
        const released = Promise.withResolvers<void>()
        let bytes = 0
        const stdout = async (chunk: Uint8Array) => {
          bytes += chunk.length
          await released.promise
        }
        const spec = fixture.spec('head -c 64000000 /dev/zero; touch v/done', { runId, mounts })
        const sinks = { stdout, stderr: stdout, stored: nothingStored }
        const running = fixture.driver().run(spec, sinks, NEVER)
        // Far longer than writing takes where nobody waits.
        await systemClock.sleep(1000)
        expect(readdirSync(await fixture.folderOfVolume(runId, 'v'))).toEqual([])
        released.resolve()
        expect(await running).toMatchObject({ status: 'success' })
        expect(bytes).toBe(64_000_000)
      }, 60_000)

    test('that cannot be kept ends the task, and the error is handed on', async () => {
      const heart = await heartbeat(fixture)
      const spec = fixture.spec(`${heart.beat} yes`, heart.spec)
      const sinks = { stdout: full, stderr: full, stored: nothingStored }
      expect(await failure(fixture.driver().run(spec, sinks, NEVER))).toEqual(new Error('disk full'))
      expect(await heart.goesOn()).toBe(false)
    }, 60_000)
  })
}
