/** The files that a new server with accounts of its own starts from: its settings, its session secret, its passphrase. */
import { randomBytes } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { Fault } from '../../contract/fault.ts'
import { codeWords } from '../../platform/files/describe-file-errors.ts'
import { codeOf, prepareFile } from '../db/database-files.ts'
import { writePrivateFile } from '../../platform/files/write-private-files.ts'

/** What a new server is to be like. */
export interface InitialSettings {
  /** The settings file; the two secrets are written beside it. */
  configPath: string
  dataDir: string
  /** The address that browsers use. */
  url: string
  listen: string
}

/**
 * Writes the three files, each 0600, none of which may be there.
 * @returns their paths, and what takes them away again
 * @throws Fault `conflict` naming a file that is there, `config` when one cannot be written; then none is left
 */
export function writeInitialSettings(settings: InitialSettings): { paths: string[]; undo(): void } {
  const configPath = resolve(settings.configPath)
  const folder = dirname(configPath)
  const files = new Map([
    [join(folder, 'session-secret'), randomBytes(32).toString('hex')],
    [join(folder, 'passphrase'), randomBytes(32).toString('hex')],
    [configPath, settingsText(settings, folder)],
  ])
  const there = [...files.keys()].find((path) => existsSync(path))
  if (there !== undefined) {
    throw new Fault('conflict', `${there} is there already; nothing was written`, {
      hint: 'start the server with it (fob server --config FILE), or name another file with --config',
    })
  }
  const written: string[] = []
  const undo = () => {
    for (const path of written) rmSync(path, { force: true })
  }
  for (const [path, text] of files) {
    try {
      prepareFile(path)
      written.push(path)
      writePrivateFile(path, `${text}\n`, { ownFolder: false })
    } catch (error) {
      undo()
      if (error instanceof Fault) throw error
      const code = codeOf(error)
      throw new Fault('config', `${path} cannot be written: ${codeWords(code === '' ? undefined : code)}`, {
        cause: error,
      })
    }
  }
  return { paths: [...files.keys()], undo }
}

/** Paths in a settings file are from its own folder. */
function settingsText({ dataDir, url, listen }: InitialSettings, folder: string): string {
  return `# Every setting: fob server --help. The two secrets and the data are worth nothing without each other; keep copies apart.
listen = ${JSON.stringify(listen)}
data = ${JSON.stringify(relative(folder, resolve(dataDir)) || '.')}
local_accounts = true
# Of people from a provider, only those get in whom an administrator has added or invited; or viewer, or member.
default_role = "none"

[oauth]
callback_url = ${JSON.stringify(url)}
session_secret_file = "session-secret"

[secrets.sqlite]
passphrase_file = "passphrase"`
}
