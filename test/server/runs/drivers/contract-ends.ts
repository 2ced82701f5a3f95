/** The driver contract, part ends: time limits, stops, and processes that a task leaves behind. */
import { describe, expect, test } from 'bun:test'
import { openFixture, until } from './fixture.ts'
import type { DriverWorld } from './contract.ts'
import { heartbeat } from './heartbeat.ts'

export function describeEnds(world: DriverWorld): void {
  describe('a task is ended', () => {
    const fixture = openFixture(world)
    const time = world.startMs

    test('out of time, it is told so', async () => {
      const script = `trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.02; done`
      const ran = await fixture.run(script, { timeoutMs: time })
      expect(ran).toMatchObject({ status: 'abort', code: 3, stdout: 'ready\nbye\n' })
    }, 60_000)

    test('out of time and deaf, it is killed', async () => {
      const ran = await fixture.run(`trap '' TERM; while :; do sleep 0.02; done`, { timeoutMs: time })
      expect(ran).toMatchObject({ status: 'abort', code: 137 })
      expect(ran.ms).toBeGreaterThan(time + 290)
    }, 60_000)

    test('in time, it is not', async () => {
      expect(await fixture.run('true', { timeoutMs: 60_000 })).toMatchObject({ status: 'success' })
    }, 60_000)

    test('stopped, with all that it has started', async () => {
      const heart = await heartbeat(fixture)
      const controller = new AbortController()
      const running = fixture.run(`${heart.beat} wait`, heart.spec, controller.signal)
      await until(heart.hasBegun)
      controller.abort()
      expect(await running).toMatchObject({ status: 'abort', code: 143 })
      expect(await heart.goesOn()).toBe(false)
    }, 60_000)

    test('stopped before it began, it does not outlive that', async () => {
      const ran = await fixture.run('sleep 60', {}, AbortSignal.abort())
      expect(ran.status).toBe('abort')
      expect(ran.ms).toBeLessThan(time + 2000)
    }, 60_000)

    test('children that it leaves behind end with it, and do not hold its output open', async () => {
      const heart = await heartbeat(fixture)
      const ran = await fixture.run(`${heart.beat} echo done`, heart.spec)
      expect(ran).toMatchObject({ status: 'success', stdout: 'done\n' })
      expect(ran.ms).toBeLessThan(time + 5000)
      expect(await heart.goesOn()).toBe(false)
    }, 60_000)

    if (world.can.endsSessions)
      test('what it leaves in a session of its own ends with it too', async () => {
        const heart = await heartbeat(fixture)
        const ran = await fixture.run(`${heart.beatInSession} echo done`, heart.spec)
        expect(ran).toMatchObject({ status: 'success', stdout: 'done\n' })
        expect(await heart.goesOn()).toBe(false)
      }, 60_000)

    test('and nothing is left of its run', async () => {
      const runId = fixture.newRun()
      await fixture.driver().createVolume(runId, 'v')
      await fixture
        .driver()
        .openSandbox({ ...fixture.spec('true', { runId }), number: 1 }, new AbortController().signal)
      await fixture.run('mkdir -p a/b; touch a/b/c; ln -s /etc d; chmod 0 a/b; chmod 500 a; touch v/e', {
        runId,
        mounts: [{ path: 'v', volume: 'v' }],
      })
      expect(await world.leftOf(fixture.folder, runId)).not.toEqual([])
      await fixture.driver().cleanUp(runId)
      expect(await world.leftOf(fixture.folder, runId)).toEqual([])
      await fixture.driver().cleanUp(runId)
      await fixture.driver().cleanUp('run_that_never_was')
    }, 60_000)

    test('a sweep leaves the runs that it is told to keep', async () => {
      const [kept, gone] = [fixture.newRun(), fixture.newRun()]
      for (const runId of [kept, gone]) {
        await fixture.driver().createVolume(runId, 'v')
        await fixture.run('echo here > v/file', { runId, mounts: [{ path: 'v', volume: 'v' }] })
      }
      await fixture.driver().sweep(new Set([kept]))
      expect(await world.leftOf(fixture.folder, gone)).toEqual([])
      const ran = await fixture.run('cat v/file', { runId: kept, mounts: [{ path: 'v', volume: 'v' }] })
      expect(ran.stdout).toBe('here\n')
    }, 60_000)
  })
}
