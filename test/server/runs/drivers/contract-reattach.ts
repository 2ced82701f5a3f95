/** The driver contract, part reattachment: tasks that survive a killed server without lost or repeated output. */
import { afterEach, describe, expect, test } from 'bun:test'
import { systemClock } from '../../../../src/platform/clock.ts'
import type { Driver, TaskSpec } from '../../../../src/server/runs/drivers/driver-interface.ts'
import { temporaryFolder } from '../../../support/temporary.ts'
import { collect, failure, NEVER, plainSpec, until } from './fixture.ts'
import type { DriverWorld } from './contract.ts'
import { startVictim, type Victim } from './victim.ts'

const LINES = Array.from({ length: 40 }, (_, index) => `line ${index}\n`).join('')
/** Says each line twice, once on each stream, over some 2 s. */
const TALK = `i=0; while [ $i -lt 40 ]; do echo "line $i"; echo "line $i" >&2; i=$((i+1)); sleep 0.05; done; exit 3`

export function describeReattach(world: DriverWorld): void {
  describe('a task that a killed server began', () => {
    const open: Driver[] = []
    afterEach(async () => {
      for (const driver of open.splice(0)) {
        await driver.sweep(new Set())
        await driver.close()
      }
    }, 60_000)

    async function nextServer(folder: string): Promise<Driver> {
      const driver = await world.open(folder)
      open.push(driver)
      return driver
    }

    test('goes on, and neither loses nor repeats a byte of what it says', async () => {
      const { folder, victim, task } = await killedServer(world, {}, TALK, (at) =>
        at.said('stdout').includes('line 9\n'),
      )
      expect(victim.said('stdout')).not.toContain('line 39')
      const taken = await reattach(await nextServer(folder), task, victim)
      expect(taken).toEqual({ end: { status: 'failure', code: 3 }, stdout: LINES, stderr: LINES })
    }, 60_000)

    test('goes on through the death of the next server, and the one after that', async () => {
      const { folder, victim, task } = await killedServer(world, {}, TALK, (at) =>
        at.said('stdout').includes('line 4\n'),
      )
      const second = startVictim(world.processEntry, folder, victim.stored())
      second.order({ type: 'reattach', task: { runId: task.runId, number: task.number } })
      await until(() => second.said('stdout').includes('line 14\n'))
      await second.kill()
      const taken = await reattach(await nextServer(folder), task, second)
      expect(taken).toEqual({ end: { status: 'failure', code: 3 }, stdout: LINES, stderr: LINES })
    }, 60_000)

    test('may have ended meanwhile: the rest of its output and its code are still there', async () => {
      const script = 'echo begun; sleep 0.7; echo ended; echo too >&2; exit 5'
      const { folder, victim, task } = await killedServer(world, {}, script, (at) => at.said('stdout') !== '')
      const driver = await nextServer(folder)
      // Longer than it takes to end.
      await systemClock.sleep(1500)
      expect(await reattach(driver, task, victim)).toEqual({
        end: { status: 'failure', code: 5 },
        stdout: 'begun\nended\n',
        stderr: 'too\n',
      })
    }, 60_000)

    test('may have ended before the server died, which did not write that down', async () => {
      const { folder, victim, task } = await killedServer(
        world,
        {},
        'echo all; exit 6',
        (at) => at.ended() !== undefined,
      )
      expect(await reattach(await nextServer(folder), task, victim)).toMatchObject({
        end: { status: 'failure', code: 6 },
        stdout: 'all\n',
      })
    }, 60_000)

    test('is left to the next one too by a server that shuts down in order', async () => {
      const folder = temporaryFolder()
      const first = await world.open(folder)
      const task = { ...plainSpec(world, TALK), runId: `run_${world.name}_${process.pid}_c` }
      const { sinks, text } = collect()
      void failure(first.run(task, sinks, NEVER))
      await until(() => text().stdout.includes('line 9\n'))
      await first.close()
      const had = text()
      expect(had.stdout).not.toContain('line 39')
      const stored = { stdout: Buffer.from(had.stdout), stderr: Buffer.from(had.stderr) }
      const taken = await reattach(await nextServer(folder), task, { stored: () => stored })
      expect(taken).toEqual({ end: { status: 'failure', code: 3 }, stdout: LINES, stderr: LINES })
    }, 60_000)

    test('that never was is not taken up', async () => {
      const driver = await nextServer(temporaryFolder())
      expect(await driver.reattach({ runId: 'run_never', number: 1 }, collect().sinks, NEVER)).toBeUndefined()
      const { folder, task } = await killedServer(world, {}, TALK, (at) => at.said('stdout') !== '')
      const next = await nextServer(folder)
      expect(await next.reattach({ ...task, number: 77 }, collect().sinks, NEVER)).toBeUndefined()
    }, 60_000)

    test('has its time-out from its own start', async () => {
      const timeoutMs = world.startMs + 1500
      const { folder, victim, task } = await killedServer(
        world,
        { timeoutMs },
        `echo go; sleep 60`,
        (at) => at.said('stdout') !== '',
      )
      const started = performance.now()
      const taken = await reattach(await nextServer(folder), task, victim)
      expect(taken).toMatchObject({ end: { status: 'abort' }, stdout: 'go\n' })
      expect(performance.now() - started).toBeLessThan(timeoutMs + world.startMs + 1000)
    }, 60_000)

    test('can be stopped by the next one', async () => {
      const script = `trap 'echo bye; exit 4' TERM; echo go; while :; do sleep 0.02; done`
      const { folder, victim, task } = await killedServer(world, {}, script, (at) => at.said('stdout') !== '')
      const controller = new AbortController()
      const taking = reattach(await nextServer(folder), task, victim, controller.signal)
      controller.abort()
      expect(await taking).toMatchObject({ end: { status: 'abort', code: 4 }, stdout: 'go\nbye\n' })
    }, 60_000)

    test('is ended and cleared away with its run', async () => {
      const { folder, task } = await killedServer(world, {}, TALK, (at) => at.said('stdout') !== '')
      const driver = await nextServer(folder)
      await driver.cleanUp(task.runId)
      expect(await world.leftOf(folder, task.runId)).toEqual([])
      expect(await driver.reattach(task, collect().sinks, NEVER)).toBeUndefined()
    }, 60_000)

    test('is ended by a sweep that does not keep its run', async () => {
      const { folder, task } = await killedServer(world, {}, TALK, (at) => at.said('stdout') !== '')
      const driver = await nextServer(folder)
      await driver.sweep(new Set(['run_other']))
      expect(await world.leftOf(folder, task.runId)).toEqual([])
      expect(await driver.reattach(task, collect().sinks, NEVER)).toBeUndefined()
    }, 60_000)

    test('may have been in a sandbox, which is still there with its files and its environment', async () => {
      const folder = temporaryFolder()
      const victim = startVictim(world.processEntry, folder)
      const runId = `run_${world.name}_${process.pid}_${Date.now().toString(36)}_s`
      const { command: _, ...place } = { ...plainSpec(world, 'true'), runId, env: { KIND: 'place' } }
      victim.order({ type: 'openSandbox', spec: place })
      const task = { ...plainSpec(world, `echo kept > file; ${TALK}`), runId, number: 7, sandbox: 1 }
      victim.order({ type: 'run', spec: task })
      await until(() => victim.said('stdout').includes('line 5\n'))
      await victim.kill()
      const driver = await nextServer(folder)
      expect(await driver.hasSandbox({ runId, number: 1 })).toBe(true)
      const taken = await reattach(driver, task, victim)
      if (!world.can.endsTasksInSandboxes) {
        expect(taken).toEqual({ end: { status: 'failure', code: 3 }, stdout: LINES, stderr: LINES })
      } else expect(taken.end).toBeUndefined()
      const { sinks, text } = collect()
      await driver.run(
        { ...plainSpec(world, 'cat file; echo $KIND'), runId, number: 8, sandbox: 1 },
        sinks,
        NEVER,
      )
      expect(text().stdout).toBe('kept\nplace\n')
    }, 60_000)
  })
}

/** A server that began a task and, once `dies` says so, is killed. */
async function killedServer(
  world: DriverWorld,
  spec: Partial<TaskSpec>,
  script: string,
  dies: (victim: Victim) => boolean,
) {
  const folder = temporaryFolder()
  const victim = startVictim(world.processEntry, folder)
  const runId = `run_${world.name}_${process.pid}_${Date.now().toString(36)}_k`
  const task = { ...plainSpec(world, script), runId, ...spec }
  victim.order({ type: 'run', spec: task })
  await until(() => dies(victim))
  await victim.kill()
  return { folder, victim, task }
}

/** Takes the task up from where the dead server had stored it, and puts both parts together. */
async function reattach(driver: Driver, task: TaskSpec, victim: Pick<Victim, 'stored'>, signal = NEVER) {
  const { sinks, text } = collect()
  const had = victim.stored()
  const lengths = () => ({
    stdout: had.stdout.length + Buffer.byteLength(text().stdout),
    stderr: had.stderr.length + Buffer.byteLength(text().stderr),
  })
  const end = await driver.reattach(task, { ...sinks, stored: lengths }, signal)
  const { stdout, stderr } = text()
  return { end, stdout: had.stdout.toString() + stdout, stderr: had.stderr.toString() + stderr }
}
