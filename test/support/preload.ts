/** Before any test: nothing of the caller's own fob settings, home or tokens may reach one. */
import { afterAll } from 'bun:test'
import { join } from 'node:path'
import { usePasswordsCheaply } from './cheap-passwords.ts'
import { removeTemporaryFolders, temporaryFolder } from './temporary.ts'

for (const name of Object.keys(process.env)) {
  if (name.startsWith('FOB_') || name.startsWith('CI_')) delete process.env[name]
}
const home = temporaryFolder()
process.env.HOME = home
process.env.FOB_HOME = join(home, '.fob')
usePasswordsCheaply()

afterAll(removeTemporaryFolders)
