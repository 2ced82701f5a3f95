import { resolve } from 'node:path'
import { Fault } from '../../../contract/fault.ts'
import { safeLine } from '../../../platform/terminal/printable-text.ts'
import {
  findProject,
  type FoundProject,
  PROJECT_FILE,
  readProjectFile,
} from '../../../settings/project-file.ts'
import { setTrust } from '../../../settings/trusted-projects.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import type { Globals } from '../../parsing/global-flags.ts'
import { describe, readProject } from '../../input/ask-project-trust.ts'

export const command = defineCommand({
  summary: `Say yes to a project's ${PROJECT_FILE}`,
  description: `The file may name the server, the tenant and the account of a project, and nothing else. It is used once you
have said yes to it; when it changes, you are asked again.`,
  examples: ['fob auth trust', 'fob auth trust ~/shop/.fob.toml', 'fob auth trust --revoke'],
  flags: {
    revoke: { type: 'boolean', description: 'say no instead: the file is not used, nor asked about' },
  },
  positionals: {
    path: {
      arity: 'optional',
      description: 'the file; without it, the one of this folder',
      completes: 'file',
    },
  },
  run: ({ flags, positionals, globals }, deps) =>
    trust({ globals, path: positionals.path, revoke: flags.revoke }, deps),
})

export interface TrustOptions {
  globals: Globals
  path: string | undefined
  revoke: boolean
}

/** @throws Fault `not_found` where there is no such file, `config` when it says what it must not. */
export async function trust({ globals, path, revoke }: TrustOptions, deps: Deps): Promise<void> {
  const found = findFile(path, deps)
  const said = revoke ? `${safeLine(found.path)} is not used` : await sayYes(found)
  await setTrust(deps.home, found, revoke ? 'no' : 'yes', deps)
  if (!globals.silent) deps.io.stderr.write(`${said}\n`)
}

async function sayYes(found: FoundProject): Promise<string> {
  const project = await readProject(found)
  return `${safeLine(found.path)} is used from now on: ${describe(project)}`
}

function findFile(path: string | undefined, { cwd }: Deps): FoundProject {
  const folder = cwd ?? '/'
  const found = path === undefined ? findProject(folder) : readProjectFile(resolve(folder, path))
  if (found !== undefined) return found
  const where = path === undefined ? `here or in a folder above` : `at ${safeLine(path)}`
  throw new Fault('not_found', `there is no ${PROJECT_FILE} ${where}`)
}
