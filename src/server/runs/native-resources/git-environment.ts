/** The environment of git: its settings, without those of the machine, the user or a repository. */
import { dirname } from 'node:path'

export type Setting = readonly [key: string, value: string]

/** Nothing of these may run a program or lead elsewhere. */
export const SAFE: readonly Setting[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.attributesFile', '/dev/null'],
  ['core.askPass', ''],
  ['credential.helper', ''],
  // A redirect would send the request, and in older versions of git the password, to another host.
  ['http.followRedirects', 'false'],
  ['http.lowSpeedLimit', '1000'],
  ['http.lowSpeedTime', '60'],
  ['transfer.credentialsInUrl', 'die'],
  ['submodule.recurse', 'false'],
  ['fetch.recurseSubmodules', 'false'],
  ['filter.lfs.smudge', ''],
  ['filter.lfs.clean', ''],
  ['filter.lfs.process', ''],
  ['filter.lfs.required', 'false'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['commit.gpgSign', 'false'],
  ['rebase.autoStash', 'false'],
  ['advice.detachedHead', 'false'],
  ['user.name', 'fob'],
  ['user.email', 'fob@localhost'],
]

/** Git's settings by environment variables: a command line would be visible to every user. */
export function configuration(settings: readonly Setting[]): Record<string, string> {
  const pairs = settings.flatMap(([key, value], at) => [
    [`GIT_CONFIG_KEY_${at}`, key],
    [`GIT_CONFIG_VALUE_${at}`, value],
  ])
  return {
    GIT_CONFIG_COUNT: String(settings.length),
    ...(Object.fromEntries(pairs) as Record<string, string>),
  }
}

export function quietEnv(scratch: string): Record<string, string> {
  return {
    HOME: scratch,
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_SYSTEM: '/dev/null',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: 'false',
    SSH_ASKPASS: 'false',
    SSH_ASKPASS_REQUIRE: 'never',
    GIT_EDITOR: 'true',
    GIT_SEQUENCE_EDITOR: 'true',
    GIT_PAGER: 'cat',
    GIT_LFS_SKIP_SMUDGE: '1',
    // What is missing stays missing: git 2.44 and newer asks no server for it behind our back.
    GIT_NO_LAZY_FETCH: '1',
    // The data folder itself may be inside a repository.
    GIT_CEILING_DIRECTORIES: dirname(scratch),
  }
}
