import { defineCommand } from '../../../command.ts'
import { readNewSecret, readSecretFromStdin } from '../../../input/read-secret.ts'
import { dataFlags, did, onData } from '../../../administration/data-folder.ts'
import { passwordQuestion } from './add.ts'

export const command = defineCommand({
  summary: "Change an account's password and end its sessions",
  examples: [
    'fob server user passwd ada@example.com',
    'printf %s "$PASSWORD" | fob server user passwd ada@example.com --password-stdin',
  ],
  flags: {
    'password-stdin': { type: 'boolean', description: 'read the password from standard input' },
    ...dataFlags,
  },
  positionals: { email: { arity: 'required', description: 'whose password' } },
  async run({ flags, positionals: { email }, globals }, deps) {
    const question = passwordQuestion(email)
    const password = flags['password-stdin']
      ? await readSecretFromStdin(deps, question)
      : await readNewSecret(deps, globals, question)
    const id = await onData(deps, flags, async ({ accounts, audit }) => {
      await accounts.setPassword(email, password)
      const user = await accounts.byEmail(email)
      const tenantId = user?.tenant.id ?? accounts.defaultTenant().id
      const target = user && `${user.provider}:${user.subject}`
      audit.record({ tenantId, actor: 'console', action: 'user.passwd', target: target ?? null })
      return user?.id ?? null
    })
    const words = `Changed the password of ${email}; its sessions and tokens have ended`
    did(deps, globals, { id, email, changed: true }, words)
  },
})
