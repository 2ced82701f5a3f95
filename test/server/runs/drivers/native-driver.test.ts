/** The native driver passes the driver contract, with and without a supervisor process, and its own tests. */
import { describe, expect, test } from 'bun:test'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../../../src/platform/clock.ts'
import { createNativeDriver } from '../../../../src/server/runs/drivers/native-driver.ts'
import { describeDriver, type DriverWorld } from './contract.ts'
import { openFixture } from './fixture.ts'
import { openNative } from './native-process.ts'

const world: DriverWorld = {
  name: 'native',
  image: undefined,
  can: {
    user: false,
    limits: false,
    absolutePaths: false,
    endsSessions: process.platform === 'linux',
    slowsTasksDown: true,
    reattach: process.platform !== 'win32',
  },
  startMs: 300,
  open: openNative,
  processEntry: 'native-process.ts',
  folderOfVolume: async (folder, runId, volume) => join(folder, 'runs', runId, 'volumes', volume),
  leftOf: async (folder, runId) => [join(folder, 'runs', runId)].filter((path) => existsSync(path)),
}

/** As on Windows: tasks are children of the server itself. */
const withoutProcess: DriverWorld = {
  ...world,
  can: { ...world.can, endsSessions: false, reattach: false },
  open: async (folder) => createNativeDriver({ dataDir: folder, clock: systemClock, graceMs: 1000 }),
}

describe('with a process of its own for tasks', () => describeDriver(world))
describe('without', () => describeDriver(withoutProcess))

describe('a task on the native driver', () => {
  const fixture = openFixture(world)

  test('has a folder of its own, closed to others, as HOME, TMPDIR and PWD', async () => {
    const runId = fixture.newRun()
    const { stdout } = await fixture.run('echo $HOME:$TMPDIR:$PWD:$(pwd)', { runId, number: 1 })
    const folder = join(fixture.folder, 'runs', runId, '1')
    expect(stdout).toBe(`${[folder, folder, folder, folder].join(':')}\n`)
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    expect(statSync(join(folder, '..')).mode & 0o777).toBe(0o700)
  })

  test('ignores the image', async () => {
    expect(await fixture.run(['true'], { image: 'alpine' })).toMatchObject({ status: 'success' })
  })

  test('is found by its own PATH only', async () => {
    const ran = await fixture.run(['ls'], { env: { PATH: '/nowhere' } })
    expect(ran).toMatchObject({ status: 'error', code: 127, stderr: 'ls: command not found\n' })
  })

  test.each([
    ['./no/such', 127, './no/such: no such file\n'],
    ['/etc/passwd', 126, '/etc/passwd: permission denied\n'],
  ])('says why %s cannot be started', async (path, code, stderr) => {
    expect(await fixture.run([path])).toMatchObject({ status: 'error', code, stderr })
  })

  test('may not name a folder that is not its own', async () => {
    const ran = await fixture.run(['true'], { workDir: '/tmp' })
    expect(ran).toMatchObject({ status: 'error', code: 126 })
  })
})
