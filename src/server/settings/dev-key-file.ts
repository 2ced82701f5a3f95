/** The key file of `fob server --dev`, created in the data folder at the first start. */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { writePrivateFile } from '../../platform/files/write-private-files.ts'
import { Fault } from '../../contract/fault.ts'
import { whyUnreadable } from '../../platform/files/describe-file-errors.ts'
import { readKeyFile } from './read-vault-key-file.ts'

/** @throws Fault `config` when the file that is there is not a key, or none can be created */
export function devKey(dataDir: string): ReturnType<typeof readKeyFile> {
  const path = join(resolve(dataDir), 'dev-key')
  if (!existsSync(path)) create(path)
  return readKeyFile(path)
}

function create(path: string): void {
  try {
    writePrivateFile(path, randomBytes(32).toString('hex'), { ownFolder: true })
  } catch (error) {
    throw new Fault('config', `cannot use ${path}: ${whyUnreadable(error)}`, {
      hint: 'give another folder with --data',
      cause: error,
    })
  }
}
