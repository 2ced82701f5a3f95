/** `fob auth passwd`: changes the user's own password at a server. */
import { changedPassword } from '../../../contract/api/password.ts'
import { Fault } from '../../../contract/fault.ts'
import { Secret } from '../../../redact/secret.ts'
import { openClient } from '../../client/command-context.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { readNewSecret, readSecret, readSecretFromStdin } from '../../input/read-secret.ts'
import type { Globals } from '../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Change your own password',
    details: `For accounts that a server has of its own. Asks for the old password and twice for the new one. With --password-stdin
both are lines of standard input: the old one, then the new one. All other sessions and logins of the account end; this
login and your scoped tokens stay.`,
    examples: [
      'fob auth passwd',
      'printf "%s\\n%s\\n" "$OLD" "$NEW" | fob auth passwd --password-stdin -o json',
    ],
  },
  args: {
    'password-stdin': {
      type: 'boolean',
      default: false,
      description: 'read the old and the new password from standard input, a line each',
    },
  },
  run: ({ args, globals }, deps) => changePassword({ globals, fromStdin: args['password-stdin'] }, deps),
})

interface ChangePasswordOptions {
  globals: Globals
  fromStdin: boolean
}

interface Passwords {
  current: Secret
  password: Secret
}

async function changePassword({ globals, fromStdin }: ChangePasswordOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const { current, password } = fromStdin ? await readBoth(deps) : await askForBoth(deps, globals)
  await client.api.request({
    method: 'PUT',
    path: '/api/auth/password',
    body: { current: current.reveal(), password: password.reveal() },
    schema: changedPassword,
  })
  client.did(
    { server: client.server, changed: true },
    `Changed your password at ${client.server}; all other sessions and logins of the account have ended`,
  )
}

/** A password longer than this is a file sent by mistake. */
const MAX_PASSWORD_BYTES = 1024
const INSTEAD = '--password-stdin'

async function askForBoth(deps: Deps, globals: Globals): Promise<Passwords> {
  if (!deps.io.stdin.isTerminal) {
    throw new Fault('prompt_needed', 'the old and the new password are needed, and nobody can be asked', {
      hint: `pipe them in, a line each: … | fob auth passwd ${INSTEAD}`,
    })
  }
  const question = { instead: INSTEAD, limitBytes: MAX_PASSWORD_BYTES }
  const current = await readSecret(deps, globals, { ...question, what: 'old password' })
  return { current, password: await readNewSecret(deps, globals, { ...question, what: 'new password' }) }
}

async function readBoth(deps: Deps): Promise<Passwords> {
  const both = await readSecretFromStdin(deps, {
    what: 'input',
    instead: INSTEAD,
    limitBytes: 2 * MAX_PASSWORD_BYTES + 2,
  })
  const [current = '', password = '', ...rest] = both.reveal().split(/\r?\n/)
  if (current !== '' && password !== '' && rest.length === 0) {
    return { current: new Secret(current), password: new Secret(password) }
  }
  throw new Fault('usage', 'standard input takes two lines: the old password, then the new one', {
    hint: 'printf "%s\\n%s\\n" "$OLD" "$NEW" | fob auth passwd --password-stdin',
  })
}
