/** The `.fob.toml` of the folder, where the user has allowed it. */
import type { ProjectChoice } from '../../session/resolve-server-and-credential.ts'
import { findProject } from '../../settings/project-file.ts'
import type { Deps } from '../deps.ts'
import type { Globals } from '../parsing/global-flags.ts'

/**
 * On a terminal the user is asked, once for each content of the file; elsewhere an unknown file is ignored with a note.
 * It comes with a repository, and a hostile one must not redirect a token.
 * @returns undefined where there is no file, or it is not allowed
 * @throws Fault `config` when a file that is allowed holds what it must not; `interrupted`
 */
export async function openProject(
  deps: Deps,
  globals: Globals,
  say: (line: string) => void,
): Promise<ProjectChoice | undefined> {
  const found = deps.cwd === undefined ? undefined : findProject(deps.cwd)
  // Most folders have none, and then nothing more is loaded.
  if (found === undefined) return undefined
  const { resolveTrust } = await import('../input/ask-project-trust.ts')
  return resolveTrust(found, { deps, globals, say })
}
