import { defineCommand } from '../../command.ts'
import { readSecret, readSecretFromStdin } from '../../read-secret.ts'
import { dataFlag, onAccounts } from './accounts-of.ts'
import { passwordQuestion } from './user-add.ts'

export const command = defineCommand({
  summary: "Change an account's password and end its sessions",
  examples: [
    'fob server user passwd ada@example.com',
    'printf %s "$PASSWORD" | fob server user passwd ada@example.com --password-stdin',
  ],
  flags: {
    'password-stdin': { type: 'boolean', description: 'read the password from standard input' },
    data: dataFlag,
  },
  positionals: { email: { arity: 'required', description: 'whose password' } },
  async run({ flags, positionals: { email }, globals }, deps) {
    const question = passwordQuestion(email)
    const password = flags['password-stdin']
      ? await readSecretFromStdin(deps, question)
      : await readSecret(deps, globals, question)
    await onAccounts(deps, { data: flags.data }, (accounts) => accounts.setPassword(email, password))
    deps.io.stderr.write(`Changed the password of ${email}; its sessions and tokens have ended\n`)
  },
})
