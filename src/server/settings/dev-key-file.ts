/** The key file of `fob server --dev`, created in the data folder at the first start. */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { writePrivateFile } from '../../platform/files/write-private-files.ts'
import { readKeyFile } from './read-vault-key-file.ts'

/** @throws Fault `config` when the file that is there is not a key */
export function devKey(dataDir: string): ReturnType<typeof readKeyFile> {
  const path = join(resolve(dataDir), 'dev-key')
  if (!existsSync(path)) writePrivateFile(path, randomBytes(32).toString('hex'), { ownFolder: true })
  return readKeyFile(path)
}
