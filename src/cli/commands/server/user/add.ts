/** `fob server user add`: adds an account to a server with accounts of its own. */
import type { Secret } from '../../../../redact/secret.ts'
import {
  dataFlags,
  type DataOptions,
  did,
  onDataOrNew,
} from '../../../administration/data-folder-flags-and-access.ts'
import { type MemberRole, ROLES } from '../../../../contract/api/members.ts'
import { readNewPassword } from '../../../administration/read-new-password.ts'
import { defineCommand } from '../../../command.ts'
import type { Deps } from '../../../deps.ts'

export const command = defineCommand({
  meta: {
    description: 'Add an account',
    details:
      'The first account becomes an administrator unless --role says otherwise. -t names the tenant of the account.',
    examples: [
      'fob server user add ada@example.com',
      'printf %s "$PASSWORD" | fob server user add ada@example.com --password-stdin --role member',
      'fob server user add eve@example.com -t acme',
    ],
  },
  args: {
    role: { type: 'enum', options: ROLES, valueHint: 'ROLE', description: ROLES.join(', ') },
    name: {
      type: 'string',
      valueHint: 'NAME',
      description: 'the name to show (default: from the e-mail address)',
    },
    'password-stdin': {
      type: 'boolean',
      default: false,
      description: 'read the password from standard input',
    },
    ...dataFlags,
    email: { type: 'positional', description: 'the e-mail address to log in with' },
  },
  run: async ({ args, globals }, deps) => {
    const { email, role, name, 'password-stdin': fromStdin } = args
    const password = await readNewPassword({ email, fromStdin, globals }, deps)
    await addUser({ globals, at: args, account: { email, password, role, name } }, deps)
  },
})

interface AddUserOptions extends DataOptions {
  account: { email: string; password: Secret; role: MemberRole | undefined; name: string | undefined }
}

async function addUser(options: AddUserOptions, deps: Deps): Promise<void> {
  const { globals, account } = options
  const user = await onDataOrNew(options, deps, async ({ accounts, tenants, audit }) => {
    const tenant = globals.tenant === undefined ? undefined : await tenants.get(globals.tenant)
    const added = await accounts.addLocal({ ...account, tenant })
    const target = `${added.provider}:${added.subject}`
    const details = { role: added.role }
    audit.record({ tenantId: added.tenant.id, actor: 'console', action: 'user.add', target, details })
    return added
  })
  const { id, provider, subject, email, name, role, tenant } = user
  const what = { id, provider, subject, email, name, role, tenant: tenant.slug, added: true }
  did(globals, deps, { what, words: `Added ${email} (${role} of ${tenant.slug})` })
}
