/** Reads the new password of an account: from standard input, or twice from a prompt. */
import type { Secret } from '../../redact/secret.ts'
import type { Deps } from '../deps.ts'
import { readNewSecret, readSecretFromStdin } from '../input/read-secret.ts'
import type { Globals } from '../parsing/global-flags.ts'

/** A password longer than this is a file sent by mistake. */
const MAX_PASSWORD_BYTES = 1024

/**
 * @param options.fromStdin `--password-stdin`
 * @throws Fault `usage`, `prompt_needed`
 */
export function readNewPassword(
  { email, fromStdin, globals }: { email: string; fromStdin: boolean; globals: Globals },
  deps: Deps,
): Promise<Secret> {
  const question = {
    what: `password for ${email}`,
    instead: '--password-stdin',
    limitBytes: MAX_PASSWORD_BYTES,
  }
  return fromStdin ? readSecretFromStdin(deps, question) : readNewSecret(deps, globals, question)
}
