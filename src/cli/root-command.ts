/** The words that can be typed: every group, and where each command is loaded from. */
import { type Command, defineGroup, type LazyCommand } from './command.ts'

const file = (load: () => Promise<{ command: Command }>): LazyCommand => {
  return async () => (await load()).command
}
/** Another spelling of a command, which lists leave out. */
const alias = (of: LazyCommand): LazyCommand => {
  return async () => {
    const command = await of()
    return { ...command, meta: { ...command.meta, hidden: true } }
  }
}

const login = file(() => import('./commands/auth/login.ts'))
const status = file(() => import('./commands/auth/status.ts'))
const refresh = file(() => import('./commands/auth/refresh.ts'))
const logout = file(() => import('./commands/auth/logout.ts'))

const auth = defineGroup({
  meta: {
    description: 'Log in and out, switch between logins, and print tokens',
    examples: ['fob auth login -s https://ci.example.com', 'fob auth status'],
  },
  subCommands: {
    login,
    status,
    token: file(() => import('./commands/auth/token.ts')),
    refresh,
    switch: file(() => import('./commands/auth/switch.ts')),
    trust: file(() => import('./commands/auth/trust.ts')),
    passwd: file(() => import('./commands/auth/passwd.ts')),
    logout,
  },
})

const tenantMembers = defineGroup({
  meta: {
    description: 'Manage the members of a tenant',
    examples: ['fob tenants members list', 'fob tenants members add github:octocat --role viewer'],
  },
  subCommands: {
    list: file(() => import('./commands/tenants/members/list.ts')),
    add: file(() => import('./commands/tenants/members/add.ts')),
    rm: file(() => import('./commands/tenants/members/rm.ts')),
  },
})

const tenantInvitations = defineGroup({
  meta: {
    description: 'Manage links that make somebody a member of a tenant',
    examples: ['fob tenants invitations create --email alice@corp.example', 'fob tenants invitations list'],
  },
  subCommands: {
    create: file(() => import('./commands/tenants/invitations/create.ts')),
    list: file(() => import('./commands/tenants/invitations/list.ts')),
    revoke: file(() => import('./commands/tenants/invitations/revoke.ts')),
  },
})

const tenants = defineGroup({
  meta: {
    description: 'List your tenants, choose the one that commands work in, and manage its members',
    examples: ['fob tenants list', 'fob tenants use acme', 'fob tenants members list'],
  },
  subCommands: {
    list: file(() => import('./commands/tenants/list.ts')),
    use: file(() => import('./commands/tenants/use.ts')),
    members: tenantMembers,
    invitations: tenantInvitations,
  },
})

const reEncrypt = file(() => import('./commands/secrets/re-encrypt.ts'))
const secrets = defineGroup({
  meta: {
    description: 'Manage the secrets that pipelines use',
    examples: ['printf %s "$KEY" | fob secrets set API_KEY', 'fob secrets list'],
  },
  subCommands: {
    set: file(() => import('./commands/secrets/set.ts')),
    list: file(() => import('./commands/secrets/list.ts')),
    rm: file(() => import('./commands/secrets/rm.ts')),
    're-encrypt': reEncrypt,
    rewrap: alias(reEncrypt),
  },
})

const pipeline = defineGroup({
  meta: {
    description: 'Upload, run and manage pipelines',
    examples: ['fob pipeline set deploy.ts', 'fob pipeline run deploy'],
  },
  subCommands: {
    set: file(() => import('./commands/pipeline/set.ts')),
    check: file(() => import('./commands/pipeline/check.ts')),
    diff: file(() => import('./commands/pipeline/diff.ts')),
    list: file(() => import('./commands/pipeline/list.ts')),
    show: file(() => import('./commands/pipeline/show.ts')),
    run: file(() => import('./commands/pipeline/run.ts')),
    exec: file(() => import('./commands/pipeline/exec.ts')),
    pause: file(() => import('./commands/pipeline/pause.ts')),
    unpause: file(() => import('./commands/pipeline/unpause.ts')),
    webhook: file(() => import('./commands/pipeline/webhook.ts')),
    types: file(() => import('./commands/pipeline/types.ts')),
    rm: file(() => import('./commands/pipeline/rm.ts')),
  },
})

const tokens = defineGroup({
  meta: {
    description: 'Manage scoped tokens for programs (ci_…)',
    examples: ['fob tokens create deploy --scope runs:trigger --pipeline deploy', 'fob tokens list'],
  },
  subCommands: {
    create: file(() => import('./commands/tokens/create.ts')),
    list: file(() => import('./commands/tokens/list.ts')),
    revoke: file(() => import('./commands/tokens/revoke.ts')),
  },
})

const runners = defineGroup({
  meta: {
    description: 'Manage runners and their tokens (rn_…)',
    examples: ['fob runners create build-1', 'fob runners list'],
  },
  subCommands: {
    create: file(() => import('./commands/runners/create.ts')),
    list: file(() => import('./commands/runners/list.ts')),
    regenerate: file(() => import('./commands/runners/regenerate.ts')),
    rm: file(() => import('./commands/runners/rm.ts')),
  },
})

const runs = defineGroup({
  meta: {
    description: 'List runs, read their logs, and stop, resume or repeat them',
    examples: ['fob runs list', 'fob runs logs run_019a… -f'],
  },
  subCommands: {
    list: file(() => import('./commands/runs/list.ts')),
    show: file(() => import('./commands/runs/show.ts')),
    logs: file(() => import('./commands/runs/logs.ts')),
    again: file(() => import('./commands/runs/again.ts')),
    resume: file(() => import('./commands/runs/resume.ts')),
    stop: file(() => import('./commands/runs/stop.ts')),
  },
})

const serverUser = defineGroup({
  meta: {
    description: 'Manage the accounts of a server with --local-accounts',
    examples: ['fob server user add ada@example.com', 'fob server user list'],
  },
  subCommands: {
    add: file(() => import('./commands/server/user/add.ts')),
    list: file(() => import('./commands/server/user/list.ts')),
    passwd: file(() => import('./commands/server/user/passwd.ts')),
    rm: file(() => import('./commands/server/user/rm.ts')),
  },
})

const serverTenantMember = defineGroup({
  meta: {
    description: 'Manage the members of a tenant',
    examples: ['fob server tenant member add acme ada@example.com', 'fob server tenant member list acme'],
  },
  subCommands: {
    add: file(() => import('./commands/server/tenant/member/add.ts')),
    list: file(() => import('./commands/server/tenant/member/list.ts')),
    rm: file(() => import('./commands/server/tenant/member/rm.ts')),
  },
})

const serverTenant = defineGroup({
  meta: {
    description: 'Manage the tenants of a server and their members',
    examples: ['fob server tenant add acme', 'fob server tenant list'],
  },
  subCommands: {
    add: file(() => import('./commands/server/tenant/add.ts')),
    list: file(() => import('./commands/server/tenant/list.ts')),
    rm: file(() => import('./commands/server/tenant/rm.ts')),
    member: serverTenantMember,
  },
})

const serverServiceKey = defineGroup({
  meta: {
    description: 'Manage the keys with which machines get short-lived tokens',
    examples: ['fob server service-key add ci --scope runs:trigger --pipeline deploy'],
  },
  subCommands: {
    add: file(() => import('./commands/server/service-key/add.ts')),
    list: file(() => import('./commands/server/service-key/list.ts')),
    rm: file(() => import('./commands/server/service-key/rm.ts')),
  },
})

const server = defineGroup({
  meta: {
    description: 'Run the companion server, and administer its data',
    examples: ['fob server', 'fob server --config /etc/fob.toml'],
  },
  default: 'start',
  subCommands: {
    start: alias(file(() => import('./commands/server/start.ts'))),
    user: serverUser,
    tenant: serverTenant,
    init: file(() => import('./commands/server/init.ts')),
    backup: file(() => import('./commands/server/backup.ts')),
    restore: file(() => import('./commands/server/restore.ts')),
    check: file(() => import('./commands/server/check.ts')),
    'service-key': serverServiceKey,
    'rotate-passphrase': file(() => import('./commands/server/rotate-passphrase.ts')),
  },
})

const profile = defineGroup({
  meta: {
    description: 'Other names for auth commands',
    examples: ['fob profile login -s https://ci.example.com'],
    hidden: true,
  },
  subCommands: { login, status, refresh, logout },
})

export const ROOT = defineGroup({
  meta: {
    description: 'Every way a credential can reach a command line',
    examples: [
      'fob auth login -s https://ci.example.com',
      'fob pipeline set deploy.ts',
      'fob pipeline run deploy',
    ],
  },
  subCommands: {
    auth,
    tenants,
    whoami: file(() => import('./commands/whoami.ts')),
    secrets,
    pipeline,
    run: file(() => import('./commands/run.ts')),
    tokens,
    runners,
    runs,
    server,
    'mcp-proxy': file(() => import('./commands/mcp-proxy.ts')),
    api: file(() => import('./commands/api.ts')),
    completion: file(() => import('./commands/completion.ts')),
    version: file(() => import('./commands/version.ts')),
    __complete: file(() => import('./commands/__complete.ts')),
    login: alias(login),
    logout: alias(logout),
    status: alias(status),
    profile,
  },
})
