/** The tables of the server. */
import { WEBHOOK_PROVIDERS } from '../../contract/api/webhooks.ts'
import type { RunOrigin } from '../../contract/run-origin.ts'
import { sql } from 'drizzle-orm'
import { blob, index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'
import { storedConcurrency } from './concurrency-column.ts'

/**
 * Every table of the server. Instants are milliseconds since 1970 (`…_at`); JSON is stored as text.
 * `migrations/*.sql` makes these tables; `test/server/db` fails when the two say different things.
 */

const at = (name: string) => integer(name)

export const tenants = sqliteTable('tenants', {
  id: text('id').primaryKey(),
  slug: text('slug').notNull().unique(),
  name: text('name').notNull(),
  createdAt: at('created_at').notNull(),
})

/** A person, keyed by who vouches for them: never by e-mail, which can be reassigned. */
export const users = sqliteTable(
  'users',
  {
    id: text('id').primaryKey(),
    provider: text('provider').notNull(),
    /** The provider's own ID for the person; the `sub` claim. */
    subject: text('subject').notNull(),
    email: text('email'),
    name: text('name'),
    nickName: text('nick_name'),
    avatarUrl: text('avatar_url'),
    /** The tenant that counts where a request names none; always one of the user's memberships. */
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.id),
    organizations: text('organizations', { mode: 'json' }).$type<string[]>().notNull(),
    groups: text('groups', { mode: 'json' }).$type<string[]>().notNull(),
    /** argon2id in PHC form; only for local accounts. */
    passwordHash: text('password_hash'),
    createdAt: at('created_at').notNull(),
    updatedAt: at('updated_at').notNull(),
    /** When organizations and groups were read last; 0: not known any more; null: a local account, which has none. */
    membershipsReadAt: at('memberships_read_at'),
  },
  (t) => [uniqueIndex('users_by_subject').on(t.provider, t.subject), index('users_by_email').on(t.email)],
)

/** What an identity provider gave for reading a person's memberships again, sealed under the session secret. */
export const identityProviderTokens = sqliteTable('identity_provider_tokens', {
  userId: text('user_id')
    .primaryKey()
    .references(() => users.id, { onDelete: 'cascade' }),
  sealed: blob('sealed', { mode: 'buffer' }).notNull(),
  updatedAt: at('updated_at').notNull(),
})

/** Who belongs to which tenant, and as what. Every user has at least one. */
export const memberships = sqliteTable(
  'memberships',
  {
    userId: text('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.id),
    role: text('role', { enum: ['admin', 'member', 'viewer'] }).notNull(),
    createdAt: at('created_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.userId, t.tenantId] }), index('memberships_by_tenant').on(t.tenantId)],
)

/** People who are to be members of a tenant, and have not logged in yet; see `accounts/membership/`. */
export const pendingMembers = sqliteTable(
  'pending_members',
  {
    id: text('id').primaryKey(),
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.id, { onDelete: 'cascade' }),
    /** What `name` is: an e-mail, a login at the provider, or the provider's own ID of the person. */
    kind: text('kind', { enum: ['email', 'login', 'account'] }).notNull(),
    /** Null: an e-mail that any provider may vouch for. */
    provider: text('provider'),
    name: text('name').notNull(),
    role: text('role', { enum: ['admin', 'member', 'viewer'] }).notNull(),
    createdAt: at('created_at').notNull(),
    /** Null: an ID, which nobody else can get. */
    expiresAt: at('expires_at'),
  },
  (t) => [
    uniqueIndex('pending_members_by_name').on(t.tenantId, t.kind, t.name, sql`coalesce(provider, '')`),
    index('pending_members_by_person').on(t.name),
  ],
)

/** Links that make whoever has one a member, once: stored as a SHA-256, and deleted when they are used. */
export const invitations = sqliteTable(
  'invitations',
  {
    id: text('id').primaryKey(),
    hash: text('hash').notNull().unique(),
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.id, { onDelete: 'cascade' }),
    role: text('role', { enum: ['admin', 'member', 'viewer'] }).notNull(),
    /** The only person who may accept it; null: anybody with the link. */
    email: text('email'),
    /** `Principal.id` of who created it. */
    createdBy: text('created_by').notNull(),
    createdAt: at('created_at').notNull(),
    expiresAt: at('expires_at').notNull(),
  },
  (t) => [index('invitations_by_tenant').on(t.tenantId, t.id)],
)

/**
 * What oidc-provider asks its adapter to keep: sessions, grants, codes, refresh tokens, interactions; and, sealed, the
 * answers to the latest refreshes.
 */
export const oidcRecords = sqliteTable(
  'oidc_records',
  {
    kind: text('kind').notNull(),
    /** For a bearer value (code, refresh token), its SHA-256: the database never holds a usable one. */
    id: text('id').notNull(),
    payload: text('payload').notNull(),
    grantId: text('grant_id'),
    userCode: text('user_code'),
    uid: text('uid'),
    expiresAt: at('expires_at'),
    consumedAt: at('consumed_at'),
  },
  (t) => [
    primaryKey({ columns: [t.kind, t.id] }),
    index('oidc_records_by_grant').on(t.grantId),
    index('oidc_records_by_user_code').on(t.userCode),
    index('oidc_records_by_uid').on(t.uid),
    index('oidc_records_by_expiry').on(t.expiresAt),
  ],
)

/** One row per access token issued. A token whose `jti` is not here, or is revoked, is refused. */
export const accessTokens = sqliteTable(
  'access_tokens',
  {
    jti: text('jti').primaryKey(),
    userId: text('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    clientId: text('client_id').notNull(),
    grantId: text('grant_id'),
    expiresAt: at('expires_at').notNull(),
    revokedAt: at('revoked_at'),
  },
  (t) => [index('access_tokens_by_grant').on(t.grantId), index('access_tokens_by_expiry').on(t.expiresAt)],
)

/** A person's scoped tokens (`ci_`): stored as a SHA-256, from which the token cannot be computed. */
export const cliTokens = sqliteTable(
  'cli_tokens',
  {
    id: text('id').primaryKey(),
    hash: text('hash').notNull().unique(),
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.id),
    userId: text('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    name: text('name').notNull(),
    scopes: text('scopes', { mode: 'json' }).$type<string[]>().notNull(),
    /** IDs, so that a later pipeline of the same name is another one; null: all pipelines. */
    pipelines: text('pipelines', { mode: 'json' }).$type<string[]>(),
    signatureRequired: integer('signature_required', { mode: 'boolean' }).notNull(),
    createdAt: at('created_at').notNull(),
    expiresAt: at('expires_at'),
    /** To the minute. */
    lastUsedAt: at('last_used_at'),
  },
  (t) => [index('cli_tokens_by_user').on(t.userId, t.id)],
)

/**
 * One row: a number that triggers raise with whatever ends or changes a person, a membership, a tenant, a
 * token of somebody's or a rule, so that every process knows whether what it remembers of them still holds.
 */
export const credentialEpoch = sqliteTable('credential_epoch', {
  id: integer('id').primaryKey(),
  value: integer('value').notNull(),
})

/** Nonces of signed requests, until their timestamps are too old to be sent again. */
export const requestNonces = sqliteTable(
  'request_nonces',
  {
    tokenId: text('token_id').notNull(),
    nonce: text('nonce').notNull(),
    expiresAt: at('expires_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tokenId, t.nonce] }), index('request_nonces_by_expiry').on(t.expiresAt)],
)

export const runners = sqliteTable(
  'runners',
  {
    id: text('id').primaryKey(),
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.id),
    name: text('name').notNull(),
    tokenHash: text('token_hash').notNull().unique(),
    status: text('status', { enum: ['online', 'busy', 'offline'] }).notNull(),
    version: text('version'),
    createdAt: at('created_at').notNull(),
    lastSeenAt: at('last_seen_at'),
  },
  (t) => [uniqueIndex('runners_by_name').on(t.tenantId, t.name)],
)

/** What a machine of ours presents to get short-lived service tokens. */
export const serviceKeys = sqliteTable(
  'service_keys',
  {
    id: text('id').primaryKey(),
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.id),
    name: text('name').notNull(),
    hash: text('hash').notNull().unique(),
    scopes: text('scopes', { mode: 'json' }).$type<string[]>().notNull(),
    pipelines: text('pipelines', { mode: 'json' }).$type<string[]>(),
    createdAt: at('created_at').notNull(),
    lastUsedAt: at('last_used_at'),
  },
  (t) => [uniqueIndex('service_keys_by_name').on(t.tenantId, t.name)],
)

export const serviceTokens = sqliteTable(
  'service_tokens',
  {
    hash: text('hash').primaryKey(),
    keyId: text('key_id')
      .notNull()
      .references(() => serviceKeys.id, { onDelete: 'cascade' }),
    expiresAt: at('expires_at').notNull(),
  },
  (t) => [index('service_tokens_by_key').on(t.keyId), index('service_tokens_by_expiry').on(t.expiresAt)],
)

/** Each opens one path once. */
export const downloadTokens = sqliteTable(
  'download_tokens',
  {
    hash: text('hash').primaryKey(),
    userId: text('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.id),
    path: text('path').notNull(),
    /** What the path needs, and all that the download may do. */
    scope: text('scope').notNull(),
    expiresAt: at('expires_at').notNull(),
  },
  (t) => [index('download_tokens_by_expiry').on(t.expiresAt)],
)

/** The server's own keys (ID-token signing), sealed under a key derived from the session secret. */
export const serverKeys = sqliteTable('server_keys', {
  name: text('name').primaryKey(),
  sealed: blob('sealed', { mode: 'buffer' }).notNull(),
  createdAt: at('created_at').notNull(),
})

/** The vault's keys, wrapped, and the canary that a wrong passphrase cannot open. */
export const vaultHeaders = sqliteTable('vault_headers', {
  id: integer('id').primaryKey(),
  header: text('header').notNull(),
  createdAt: at('created_at').notNull(),
})

/**
 * Sealed values. No reference to `tenants`: the table can be in a file of its own (`--secrets-sqlite-path`), and
 * the server's own secrets have no tenant (`''`).
 */
export const secrets = sqliteTable(
  'secrets',
  {
    tenantId: text('tenant_id').notNull(),
    /** `server`, `global` or `pipeline/<id>`. */
    scope: text('scope').notNull(),
    key: text('key').notNull(),
    ciphertext: blob('ciphertext', { mode: 'buffer' }).notNull(),
    createdAt: at('created_at').notNull(),
    updatedAt: at('updated_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.scope, t.key] })],
)

/** The last run that was given a secret, wherever the secret is stored. */
export const secretUses = sqliteTable(
  'secret_uses',
  {
    tenantId: text('tenant_id').notNull(),
    scope: text('scope').notNull(),
    key: text('key').notNull(),
    runId: text('run_id').notNull(),
    usedAt: at('used_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.scope, t.key] })],
)

export const pipelines = sqliteTable(
  'pipelines',
  {
    id: text('id').primaryKey(),
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.id),
    name: text('name').notNull(),
    filename: text('filename').notNull(),
    source: text('source').notNull(),
    driver: text('driver').notNull(),
    paused: integer('paused', { mode: 'boolean' }).notNull(),
    /** Null: `parallel`, without a limit of their own. */
    concurrency: storedConcurrency('concurrency'),
    /** The sender whose webhooks start runs; its secret is in the vault, in the pipeline's scope. Null: nobody's. */
    webhook: text('webhook', { enum: WEBHOOK_PROVIDERS }),
    createdAt: at('created_at').notNull(),
    updatedAt: at('updated_at').notNull(),
    /** Who has set it as it stands, as the audit log names actors; null: not on record. */
    setBy: text('set_by'),
  },
  (t) => [uniqueIndex('pipelines_by_name').on(t.tenantId, t.name)],
)

/** Who may see a pipeline, as an expression. Stays when the pipeline goes, as long as a run of it is on record. */
export const pipelineRules = sqliteTable(
  'pipeline_rules',
  {
    pipelineId: text('pipeline_id').primaryKey(),
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.id),
    expression: text('expression').notNull(),
    updatedAt: at('updated_at').notNull(),
  },
  (t) => [index('pipeline_rules_by_tenant').on(t.tenantId)],
)

/** `token`: the ID of the scoped token that was presented, if one was. */
export interface RunStarter {
  kind: string
  id: string
  token: string | null
}

export const runs = sqliteTable(
  'runs',
  {
    id: text('id').primaryKey(),
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.id),
    /** Stays after the pipeline is deleted: a run is a record. */
    pipelineId: text('pipeline_id').notNull(),
    pipelineName: text('pipeline_name').notNull(),
    status: text('status', { enum: ['queued', 'running', 'success', 'failed', 'stopped'] }).notNull(),
    triggeredBy: text('triggered_by').notNull(),
    args: text('args', { mode: 'json' }).$type<string[]>().notNull(),
    task: text('task'),
    message: text('message'),
    /** 1, and one more each time that it is resumed. */
    attempt: integer('attempt').notNull().default(1),
    /** Why it is being stopped, from then on. */
    stopReason: text('stop_reason'),
    /** What was redacted in its output, by name; null until it has ended. */
    redactions: text('redactions', { mode: 'json' }).$type<{ secret: string; in: string; hits: number }[]>(),
    /** What its events take, and the answers that it can be resumed with; null while it runs, and without a log. */
    logBytes: integer('log_bytes'),
    /** Since when its log is not stored any more; some of it may still be there. */
    logRemovedAt: at('log_removed_at'),
    createdAt: at('created_at').notNull(),
    startedAt: at('started_at'),
    endedAt: at('ended_at'),
    /** How long it may take from its start, in milliseconds; null: as long as it likes. */
    timeoutMs: integer('timeout_ms'),
    /** Who started it, and may follow it; null where no caller did, and in records that are older than this column. */
    starter: text('starter', { mode: 'json' }).$type<RunStarter>(),
    /** Of the token or service key that it was started with; stays when that is deleted. */
    tokenName: text('token_name'),
    /** Null in records that are older than this column. */
    origin: text('origin', { mode: 'json' }).$type<RunOrigin>(),
    /** The ID of the run whose input it was started with again. */
    repeats: text('repeats'),
    /** Of the source that it was started with; null in records that are older than this column. */
    sourceSha256: text('source_sha256'),
    /** Whether `args` or `task` had a secret in it; null in records that are older than this column. */
    inputRedacted: integer('input_redacted', { mode: 'boolean' }),
  },
  (t) => [
    index('runs_by_tenant').on(t.tenantId, t.id),
    index('runs_by_pipeline').on(t.tenantId, t.pipelineName, t.pipelineId, t.id),
    index('runs_by_status').on(t.status),
    index('runs_by_tenant_and_status').on(t.tenantId, t.status, t.id),
    index('runs_by_trigger').on(t.tenantId, t.triggeredBy, t.id),
    index('runs_by_token')
      .on(t.tenantId, t.tokenName, t.id)
      .where(sql`token_name IS NOT NULL`),
    index('runs_with_log')
      .on(t.endedAt, t.id)
      .where(sql`log_bytes IS NOT NULL`),
  ],
)

/** One row: what the logs of all runs that have ended take. Triggers keep it, so that nobody has to add it up. */
export const storedLogs = sqliteTable('stored_logs', {
  id: integer('id').primaryKey(),
  bytes: integer('bytes').notNull(),
})

export const runTasks = sqliteTable(
  'run_tasks',
  {
    runId: text('run_id')
      .notNull()
      .references(() => runs.id, { onDelete: 'cascade' }),
    /** 1, 2, 3 … in the order in which the script asked. */
    number: integer('number').notNull(),
    name: text('name').notNull(),
    status: text('status', { enum: ['running', 'success', 'failure', 'abort', 'error'] }).notNull(),
    code: integer('code'),
    attempt: integer('attempt').notNull().default(1),
    /** How much of its output, before redaction, is in the log. */
    stdoutBytes: integer('stdout_bytes').notNull().default(0),
    stderrBytes: integer('stderr_bytes').notNull().default(0),
    startedAt: at('started_at').notNull(),
    endedAt: at('ended_at'),
  },
  (t) => [primaryKey({ columns: [t.runId, t.number] })],
)

/** The log of a run, in order. Everything in `data` has been through the redactor. */
export const runEvents = sqliteTable(
  'run_events',
  {
    runId: text('run_id')
      .notNull()
      .references(() => runs.id, { onDelete: 'cascade' }),
    id: integer('id').notNull(),
    type: text('type', { enum: ['log', 'task', 'run', 'exit'] }).notNull(),
    data: text('data').notNull(),
    at: at('at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.runId, t.id] })],
)

/**
 * Who did what. Append-only (triggers refuse anything else), each entry chained to the one before it by
 * `hash`. No foreign keys: an entry outlives what it tells of.
 */
export const auditEntries = sqliteTable(
  'audit_entries',
  {
    /** 1, 2, 3 … without a gap. */
    seq: integer('seq').primaryKey(),
    at: at('at').notNull(),
    tenantId: text('tenant_id').notNull(),
    actor: text('actor').notNull(),
    action: text('action').notNull(),
    target: text('target'),
    outcome: text('outcome', { enum: ['ok', 'refused'] }).notNull(),
    address: text('address'),
    credentialKind: text('credential_kind'),
    credentialId: text('credential_id'),
    requestId: text('request_id'),
    details: text('details').notNull(),
    previous: text('previous').notNull(),
    hash: text('hash').notNull(),
  },
  (t) => [index('audit_entries_by_tenant').on(t.tenantId, t.seq)],
)

/** Webhooks that have started a run, until their signatures or their senders have forgotten them. */
export const webhookDeliveries = sqliteTable(
  'webhook_deliveries',
  {
    pipelineId: text('pipeline_id')
      .notNull()
      .references(() => pipelines.id, { onDelete: 'cascade' }),
    /** SHA-256 of what the sender calls it. */
    delivery: text('delivery').notNull(),
    /** Given before the run is recorded: if the server dies in between, the next delivery starts it. */
    runId: text('run_id').notNull(),
    expiresAt: at('expires_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.pipelineId, t.delivery] }),
    index('webhook_deliveries_by_expiry').on(t.expiresAt),
  ],
)

/** When pipelines run by themselves, in the order in which they were given. */
export const pipelineSchedules = sqliteTable(
  'pipeline_schedules',
  {
    pipelineId: text('pipeline_id')
      .notNull()
      .references(() => pipelines.id, { onDelete: 'cascade' }),
    cron: text('cron').notNull(),
    timeZone: text('time_zone').notNull(),
    number: integer('number').notNull(),
    catchUp: integer('catch_up', { mode: 'boolean' }).notNull(),
    nextAt: at('next_at'),
    lastAt: at('last_at'),
    lastRunId: text('last_run_id'),
    /** The run of `lastAt`, until it is known to have started. */
    pendingRunId: text('pending_run_id'),
    missedAt: at('missed_at'),
    missed: integer('missed'),
    missedBecause: text('missed_because'),
  },
  (t) => [
    primaryKey({ columns: [t.pipelineId, t.cron, t.timeZone] }),
    index('pipeline_schedules_by_next').on(t.nextAt),
  ],
)

/** What pipelines keep from run to run. `value` is JSON that has been through the redactor of the run that set it. */
export const pipelineStorage = sqliteTable(
  'pipeline_storage',
  {
    pipelineId: text('pipeline_id')
      .notNull()
      .references(() => pipelines.id, { onDelete: 'cascade' }),
    key: text('key').notNull(),
    value: text('value').notNull(),
    /** Of key and value. */
    bytes: integer('bytes').notNull(),
    updatedAt: at('updated_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.pipelineId, t.key] })],
)
