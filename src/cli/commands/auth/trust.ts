/** `fob auth trust`: allows or forbids the use of a project's `.fob.toml`. */
import { resolve } from 'node:path'
import { Fault } from '../../../contract/fault.ts'
import { safeLine } from '../../../platform/terminal/make-text-printable.ts'
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
  meta: {
    description: `Allow the ${PROJECT_FILE} of a project`,
    details: `The file can name the server, the tenant and the account of a project, and nothing else. It is used only after
you have allowed it; when it changes, you are asked again.`,
    examples: ['fob auth trust', 'fob auth trust ~/shop/.fob.toml', 'fob auth trust --revoke'],
  },
  args: {
    revoke: {
      type: 'boolean',
      default: false,
      description: 'forbid it instead: the file is not used, and you are not asked about it',
    },
    path: {
      type: 'positional',
      required: false,
      description: 'the file (default: the one of this folder)',
      completes: 'file',
    },
  },
  run: ({ args, globals }, deps) => trust({ globals, ...args }, deps),
})

interface TrustOptions {
  globals: Globals
  path: string | undefined
  revoke: boolean
}

/** @throws Fault `not_found` where there is no such file, `config` when it says what it must not. */
async function trust({ globals, path, revoke }: TrustOptions, deps: Deps): Promise<void> {
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
