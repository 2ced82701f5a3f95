/** Runs the git of the system without its settings, with credentials that never stand on a command line. */
import { Fault } from '../../../contract/fault.ts'
import type { Env } from '../../../platform/processes/own-and-child-environment.ts'
import type { AllowedResolver } from '../../../guarded-fetch/resolve-allowed-address.ts'
import { explainGit, isBrokenTransfer } from './explain-git-errors.ts'
import { prepareCredentials } from './git-credentials.ts'
import { configuration, quietEnv, SAFE } from './git-environment.ts'
import type { GitSource } from './git-source.ts'
import { type Ended, runInGroup } from './run-command-in-group.ts'
import { trustedAuthorities } from './trusted-certificate-authorities.ts'

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export interface Git {
  /**
   * Runs git in `folder`. @returns what it printed. @throws Fault saying what is wrong, or the signal's reason
   */
  local(folder: string, args: readonly string[]): Promise<string>
  /** The same for a command that connects to the repository: only it has the credentials. @param more variables for it */
  remote(folder: string, args: readonly string[], more?: Env): Promise<string>
  /** The same for `push`, which is tried once more, over HTTP/1.1, where the connection broke. */
  push(folder: string, args: readonly string[]): Promise<string>
}

export interface GitOptions {
  source: GitSource
  /** Empty and private. */
  scratch: string
  signal: AbortSignal
  env: Env
  reach: AllowedResolver
}

/**
 * The git of the system, without any setting of the machine, the user or a repository that could run a program or
 * redirect it. A password comes from a helper that reads it from its environment; a key goes through a pipe into an
 * agent that lives as long as the command. Git connects only to the addresses that were checked, and to no other host.
 */
export async function openGit({ source, scratch, signal, env, reach }: GitOptions): Promise<Git> {
  const path = env.PATH ?? DEFAULT_PATH
  for (const program of source.access.kind === 'ssh' ? ['git', 'ssh', 'ssh-agent', 'ssh-add'] : ['git']) {
    if (Bun.which(program, { PATH: path }) === null) {
      throw new Fault('failed', `${program} is not installed on the server`, {
        hint: 'install git and an ssh client there',
      })
    }
  }
  const addresses = await reach.addresses(source.host)
  const base = {
    ...(await trustedAuthorities(env, scratch)),
    ...quietEnv(scratch),
    PATH: path,
    GIT_ALLOW_PROTOCOL: source.protocol,
  }
  const plain = { ...base, ...configuration(SAFE) }
  const { command, stdin, more } = await prepareCredentials({ source, scratch, base, addresses })

  const runLocal = (folder: string, args: readonly string[]) =>
    runInGroup({ cmd: ['git', ...args], cwd: folder, env: plain, signal })
  const runRemote = (folder: string, args: readonly string[], extra: Env = {}) =>
    runInGroup({
      cmd: [...command, 'git', ...args],
      cwd: folder,
      env: { ...more, ...extra },
      input: stdin,
      signal,
    })
  const outputOf = ({ code, out, err }: Ended): string => {
    if (code === 0) return out
    throw explainGit(code, err, source)
  }

  return {
    local: async (folder, args) => outputOf(await runLocal(folder, args)),
    remote: async (folder, args, extra) => outputOf(await runRemote(folder, args, extra)),
    push: async (folder, args) => {
      const ended = await runRemote(folder, ['push', ...args])
      const isBroken = ended.code !== 0 && source.access.kind === 'http' && isBrokenTransfer(ended.err)
      // A push that arrived all the same is repeated without harm: the branch is at that commit already.
      const last = isBroken
        ? await runRemote(folder, ['-c', 'http.version=HTTP/1.1', 'push', ...args])
        : ended
      return outputOf(last)
    },
  }
}
