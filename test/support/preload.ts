/** Before any test: nothing of the caller's own fob settings, home or tokens may reach one. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

for (const name of Object.keys(process.env)) {
  if (name.startsWith('FOB_') || name.startsWith('CI_')) delete process.env[name]
}
const home = mkdtempSync(join(tmpdir(), 'fob-test-home-'))
process.env.HOME = home
process.env.FOB_HOME = join(home, '.fob')
