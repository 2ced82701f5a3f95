/** `fob server user passwd`: changes the password of an account, and ends its sessions and tokens. */
import type { Secret } from '../../../../redact/secret.ts'
import {
  dataFlags,
  type DataOptions,
  did,
  onData,
} from '../../../administration/data-folder-flags-and-access.ts'
import { readNewPassword } from '../../../administration/read-new-password.ts'
import { defineCommand } from '../../../command.ts'
import type { Deps } from '../../../deps.ts'

export const command = defineCommand({
  meta: {
    description: 'Change the password of an account and end its sessions',
    examples: [
      'fob server user passwd ada@example.com',
      'printf %s "$PASSWORD" | fob server user passwd ada@example.com --password-stdin',
    ],
  },
  args: {
    'password-stdin': {
      type: 'boolean',
      default: false,
      description: 'read the password from standard input',
    },
    ...dataFlags,
    email: { type: 'positional', description: 'the e-mail address of the account' },
  },
  run: async ({ args, globals }, deps) => {
    const { email, 'password-stdin': fromStdin } = args
    const password = await readNewPassword({ email, fromStdin, globals }, deps)
    await changePassword({ globals, at: args, email, password }, deps)
  },
})

interface ChangePasswordOptions extends DataOptions {
  email: string
  password: Secret
}

async function changePassword(options: ChangePasswordOptions, deps: Deps): Promise<void> {
  const { globals, email, password } = options
  const id = await onData(options, deps, async ({ accounts, audit }) => {
    await accounts.setPassword(email, password)
    const user = await accounts.byEmail(email)
    const tenantId = user?.tenant.id ?? accounts.defaultTenant().id
    const target = user && `${user.provider}:${user.subject}`
    audit.record({ tenantId, actor: 'console', action: 'user.passwd', target: target ?? null })
    return user?.id ?? null
  })
  const words = `Changed the password of ${email}; its sessions and tokens have ended`
  did(globals, deps, { what: { id, email, changed: true }, words })
}
