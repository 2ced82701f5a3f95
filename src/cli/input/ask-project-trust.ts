/** Asks whether the `.fob.toml` of a project may be used, and remembers the reply. */
import { Fault } from '../../contract/fault.ts'
import { confirm } from '../../platform/terminal/prompts.ts'
import { safeLine } from '../../platform/terminal/make-text-printable.ts'
import { type ProjectChoice, projectServer } from '../../session/resolve-server-and-credential.ts'
import { type FoundProject, parseProject } from '../../settings/project-file.ts'
import { setTrust, trustOf } from '../../settings/trusted-projects.ts'
import type { Deps } from '../deps.ts'
import type { Globals } from '../parsing/global-flags.ts'
import { isInteractive } from './read-secret.ts'

export interface TrustContext {
  deps: Deps
  globals: Globals
  say: (line: string) => void
}

/** What a project's file says, if the user allows it, or has before. */
export async function resolveTrust(
  found: FoundProject,
  { deps, globals, say }: TrustContext,
): Promise<ProjectChoice | undefined> {
  const trust = trustOf(deps.home, found)
  if (trust === 'no') return undefined
  if (trust === 'yes') return readProject(found)
  const path = safeLine(found.path)
  if (!isInteractive(deps, globals)) {
    say(`note: ${path} is ignored until you allow it: fob auth trust ${quoted(path)}`)
    return undefined
  }
  const project = await readProject(found)
  const reply = await confirm(`${path} wants fob to use ${describe(project)}. Use it?`, {
    interactive: true,
    signal: deps.signal,
  })
  if (reply.status !== 'answered') throw new Fault('interrupted', 'interrupted')
  await setTrust(deps.home, found, reply.value ? 'yes' : 'no', deps)
  return reply.value ? project : undefined
}

/**
 * What the file says, checked for what cannot be allowed.
 * @throws Fault `config`, `usage`; never shows a value that may be a secret.
 */
export async function readProject(found: FoundProject): Promise<ProjectChoice> {
  const project = await parseProject(found)
  projectServer(project)
  return project
}

/** "the server https://ci.example.com, the tenant acme": everything that the file says. */
export function describe({ server, tenant, account }: ProjectChoice): string {
  const parts = Object.entries({ server, tenant, account }).flatMap(([key, value]) =>
    value === undefined ? [] : [`the ${key} ${safeLine(value, 200)}`],
  )
  return parts.length === 0 ? 'nothing' : parts.join(', ')
}

/** Quoted for a shell, where that is needed. */
function quoted(path: string): string {
  return /^[\w@%+=:,./~-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`
}
