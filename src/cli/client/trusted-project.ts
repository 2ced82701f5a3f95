import type { ProjectChoice } from '../../session/resolve-server-and-credential.ts'
import { findProject } from '../../settings/project-file.ts'
import type { Deps } from '../deps.ts'
import type { Globals } from '../parsing/global-flags.ts'

/**
 * The `.fob.toml` of the folder, if there is one and the user has said yes to it. On a terminal they are
 * asked, once for each content; elsewhere an unknown file is passed over with a word about it. It comes with
 * a repository, and a hostile one must not redirect a token.
 * @throws Fault `config` when a file that is to be used says what it must not; `interrupted`.
 */
export async function openProject(
  deps: Deps,
  globals: Globals,
  say: (line: string) => void,
): Promise<ProjectChoice | undefined> {
  const found = deps.cwd === undefined ? undefined : findProject(deps.cwd)
  // Nothing more is loaded where there is none, which is nearly everywhere.
  if (found === undefined) return undefined
  const { resolveTrust } = await import('../input/ask-project-trust.ts')
  return resolveTrust(found, { deps, globals, say })
}
