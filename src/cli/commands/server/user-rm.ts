import { defineCommand } from '../../command.ts'
import { dataFlag, onData } from './accounts-of.ts'

export const command = defineCommand({
  summary: 'Remove an account and end its sessions',
  examples: ['fob server user rm ada@example.com'],
  flags: { data: dataFlag },
  positionals: { email: { arity: 'required', description: 'whose account' } },
  async run({ flags, positionals: { email }, globals }, deps) {
    await onData(deps, { data: flags.data }, async ({ accounts, audit }) => {
      const user = await accounts.byEmail(email)
      await accounts.remove(email)
      const tenantId = user?.tenant.id ?? accounts.defaultTenant().id
      const target = user && `${user.provider}:${user.subject}`
      audit.record({ tenantId, actor: 'console', action: 'user.rm', target: target ?? null })
    })
    if (!globals.silent) deps.io.stderr.write(`Removed ${email}\n`)
  },
})
