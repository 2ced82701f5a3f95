import type { Secret } from '../../../../redact/secret.ts'
import { defineCommand } from '../../../command.ts'
import type { Deps } from '../../../deps.ts'
import type { Globals } from '../../../parsing/global-flags.ts'
import { readNewSecret, readSecretFromStdin } from '../../../input/read-secret.ts'
import { type DataFlags, dataFlags, did, onDataOrNew } from '../../../administration/data-folder.ts'
import { parseRole, ROLES } from '../../../administration/find-user.ts'

/** A password longer than this is a file sent by mistake. */
const MAX_PASSWORD_BYTES = 1024

export const command = defineCommand({
  summary: 'Add an account to a server with --local-accounts',
  description:
    'The first account becomes an administrator unless --role says otherwise. -t names its tenant.',
  examples: [
    'fob server user add ada@example.com',
    'printf %s "$PASSWORD" | fob server user add ada@example.com --password-stdin --role member',
    'fob server user add eve@example.com -t acme',
  ],
  flags: {
    role: { type: 'string', value: 'ROLE', description: ROLES.join(', '), completes: ROLES },
    name: { type: 'string', value: 'NAME', description: 'the name to show (default: from the e-mail)' },
    'password-stdin': { type: 'boolean', description: 'read the password from standard input' },
    ...dataFlags,
  },
  positionals: { email: { arity: 'required', description: 'the e-mail to log in with' } },
  async run({ flags, positionals, globals }, deps) {
    const role = parseRole(flags.role)
    const question = passwordQuestion(positionals.email)
    const password = flags['password-stdin']
      ? await readSecretFromStdin(deps, question)
      : await readNewSecret(deps, globals, question)
    await addUser(
      {
        email: positionals.email,
        password,
        role,
        name: flags.name,
        flags,
        tenant: globals.tenant,
        globals,
      },
      deps,
    )
  },
})

export function passwordQuestion(email: string) {
  return { what: `password for ${email}`, instead: '--password-stdin', limitBytes: MAX_PASSWORD_BYTES }
}

export interface AddUser {
  email: string
  password: Secret
  role: (typeof ROLES)[number] | undefined
  name: string | undefined
  /** Where. */
  flags: DataFlags
  /** A slug; undefined: the default tenant. */
  tenant: string | undefined
  globals: Globals
}

export async function addUser(
  { flags, tenant: slug, globals, ...account }: AddUser,
  deps: Deps,
): Promise<void> {
  const user = await onDataOrNew(deps, { flags, globals }, async ({ accounts, tenants, audit }) => {
    const tenant = slug === undefined ? undefined : await tenants.get(slug)
    const added = await accounts.addLocal({ ...account, tenant })
    const target = `${added.provider}:${added.subject}`
    const details = { role: added.role }
    audit.record({ tenantId: added.tenant.id, actor: 'console', action: 'user.add', target, details })
    return added
  })
  const { id, provider, subject, email, name, role, tenant } = user
  const what = { id, provider, subject, email, name, role, tenant: tenant.slug, added: true }
  did(deps, globals, what, `Added ${email} (${role} of ${tenant.slug})`)
}
