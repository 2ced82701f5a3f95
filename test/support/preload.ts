/** Runs before all tests: keeps the caller's own fob settings, home and tokens out of them. */
import { afterAll, beforeAll } from 'bun:test'
import { mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { usePasswordsCheaply } from './cheap-passwords.ts'
import { removeTemporaryFolders } from './temporary.ts'

for (const name of Object.keys(process.env)) {
  if (name.startsWith('FOB_') || name.startsWith('CI_')) delete process.env[name]
}
const home = join(tmpdir(), `fob-test-home-${process.pid}`)
process.env.HOME = home
process.env.FOB_HOME = join(home, '.fob')
usePasswordsCheaply()

// Around all files; in a worker of `--parallel`, which never knows its last one, around each.
beforeAll(() => void mkdirSync(home, { recursive: true, mode: 0o700 }))
afterAll(async () => {
  await removeTemporaryFolders()
  rmSync(home, { recursive: true, force: true })
})
