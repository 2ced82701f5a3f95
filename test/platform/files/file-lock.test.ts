/** File locks between processes: one holder at a time, release by a killed holder, and interruption. */
import { describe, expect, test } from 'bun:test'
import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../../src/platform/clock.ts'
import { lockFile } from '../../../src/platform/files/file-lock.ts'
import { childEnv } from '../../../src/platform/processes/own-and-child-environment.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const soon = { clock: systemClock, timeoutMs: 60 }
const patient = { clock: systemClock, timeoutMs: 10_000 }

/** A process that takes the lock, says so, and holds it until it is killed. */
async function holder(path: string): Promise<Bun.Subprocess> {
  const script = join(temporaryFolder(), 'hold.ts')
  const lock = join(import.meta.dir, '../../../src/platform/files/file-lock.ts')
  const clock = join(import.meta.dir, '../../../src/platform/clock.ts')
  writeFileSync(
    script,
    `import { lockFile } from ${JSON.stringify(lock)}
import { systemClock } from ${JSON.stringify(clock)}
globalThis.held = await lockFile(process.argv[2], { clock: systemClock, timeoutMs: 5000 })
console.log('held')
setInterval(() => {}, 1000)
`,
  )
  const child = Bun.spawn([process.execPath, script, path], { env: childEnv(process.env), stdout: 'pipe' })
  await child.stdout.getReader().read()
  return child
}

describe('lockFile', () => {
  test('only one holder at a time, and the next gets it after a release', async () => {
    const path = join(temporaryFolder(), 'lock')
    const release = await lockFile(path, soon)
    expect(await lockFile(path, soon)).toBeUndefined()
    release?.()
    const again = await lockFile(path, soon)
    expect(again).toBeDefined()
    again?.()
    again?.()
  })

  test('the lock of another process holds, and goes with it when it is killed', async () => {
    const path = join(temporaryFolder(), 'lock')
    const child = await holder(path)
    expect(await lockFile(path, soon)).toBeUndefined()
    const waiting = lockFile(path, patient)
    child.kill('SIGKILL')
    const release = await waiting
    expect(release).toBeDefined()
    release?.()
  })

  test('the lock is one empty file of mode 0600', async () => {
    const folder = temporaryFolder()
    const release = await lockFile(join(folder, 'lock'), soon)
    expect(readdirSync(folder)).toEqual(['lock'])
    expect((statSync(join(folder, 'lock')).mode & 0o777).toString(8)).toBe('600')
    expect(statSync(join(folder, 'lock')).size).toBe(0)
    release?.()
  })

  test('Ctrl-C ends the wait', async () => {
    const path = join(temporaryFolder(), 'lock')
    const release = await lockFile(path, soon)
    const abort = new AbortController()
    const waiting = lockFile(path, { ...patient, signal: abort.signal })
    abort.abort(new Error('stopped'))
    expect(waiting).rejects.toThrow('stopped')
    await waiting.catch(() => {})
    release?.()
  })
})
