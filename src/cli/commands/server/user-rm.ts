import { defineCommand } from '../../command.ts'
import { dataFlag, onAccounts } from './accounts-of.ts'

export const command = defineCommand({
  summary: 'Remove an account and end its sessions',
  examples: ['fob server user rm ada@example.com'],
  flags: { data: dataFlag },
  positionals: { email: { arity: 'required', description: 'whose account' } },
  async run({ flags, positionals: { email } }, deps) {
    await onAccounts(deps, { data: flags.data }, (accounts) => accounts.remove(email))
    deps.io.stderr.write(`Removed ${email}\n`)
  },
})
