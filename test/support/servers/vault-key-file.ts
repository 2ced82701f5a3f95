/** The key of a test server's vault, in a file: a passphrase would cost 0.3 s of a core at each start. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../temporary.ts'

/** The same key each time, so that a server may be started again on the data of another. @returns its path */
export function vaultKeyFile(folder = temporaryFolder()): string {
  const path = join(folder, 'vault-key')
  writeFileSync(path, 'ab'.repeat(32), { mode: 0o600 })
  return path
}
