CREATE TABLE access_tokens (
  jti text PRIMARY KEY NOT NULL,
  user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  client_id text NOT NULL,
  grant_id text,
  expires_at integer NOT NULL,
  revoked_at integer
) STRICT;

CREATE INDEX access_tokens_by_grant ON access_tokens (grant_id);
CREATE INDEX access_tokens_by_expiry ON access_tokens (expires_at);

CREATE TABLE audit_entries (
  seq integer PRIMARY KEY NOT NULL,
  at integer NOT NULL,
  tenant_id text NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  target text,
  outcome text NOT NULL CHECK (outcome IN ('ok', 'refused')),
  address text,
  credential_kind text,
  credential_id text,
  request_id text,
  details text NOT NULL,
  previous text NOT NULL,
  hash text NOT NULL
) STRICT;

CREATE INDEX audit_entries_by_tenant ON audit_entries (tenant_id, seq);

CREATE TRIGGER audit_entries_stay BEFORE DELETE ON audit_entries
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_entries_come_last BEFORE INSERT ON audit_entries
WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM audit_entries)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_entries_stay_as_they_are BEFORE UPDATE ON audit_entries
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TABLE memberships (
  user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  tenant_id text NOT NULL REFERENCES tenants (id),
  role text NOT NULL CHECK (role IN ('admin', 'member', 'viewer')),
  created_at integer NOT NULL,
  PRIMARY KEY (user_id, tenant_id)
) STRICT;

CREATE INDEX memberships_by_tenant ON memberships (tenant_id);

CREATE TABLE cli_tokens (
  id text PRIMARY KEY NOT NULL,
  hash text NOT NULL UNIQUE,
  tenant_id text NOT NULL REFERENCES tenants (id),
  user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name text NOT NULL,
  scopes text NOT NULL,
  pipelines text,
  signature_required integer NOT NULL,
  created_at integer NOT NULL,
  expires_at integer,
  last_used_at integer
) STRICT;

CREATE INDEX cli_tokens_by_user ON cli_tokens (user_id, id);

CREATE TABLE download_tokens (
  hash text PRIMARY KEY NOT NULL,
  user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  tenant_id text NOT NULL REFERENCES tenants (id),
  path text NOT NULL,
  scope text NOT NULL,
  expires_at integer NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX download_tokens_by_expiry ON download_tokens (expires_at);

CREATE TABLE oidc_records (
  kind text NOT NULL,
  id text NOT NULL,
  payload text NOT NULL,
  grant_id text,
  user_code text,
  uid text,
  expires_at integer,
  consumed_at integer,
  PRIMARY KEY (kind, id)
) STRICT;

CREATE INDEX oidc_records_by_grant ON oidc_records (grant_id);
CREATE INDEX oidc_records_by_user_code ON oidc_records (user_code);
CREATE INDEX oidc_records_by_uid ON oidc_records (uid);
CREATE INDEX oidc_records_by_expiry ON oidc_records (expires_at);

CREATE TABLE pipeline_rules (
  pipeline_id text PRIMARY KEY NOT NULL,
  tenant_id text NOT NULL REFERENCES tenants (id),
  expression text NOT NULL,
  updated_at integer NOT NULL
) STRICT;

CREATE INDEX pipeline_rules_by_tenant ON pipeline_rules (tenant_id);

CREATE TABLE pipeline_schedules (
  pipeline_id text NOT NULL REFERENCES pipelines (id) ON DELETE CASCADE,
  cron text NOT NULL,
  time_zone text NOT NULL,
  number integer NOT NULL,
  catch_up integer NOT NULL,
  next_at integer,
  last_at integer,
  last_run_id text,
  pending_run_id text,
  missed_at integer,
  missed integer,
  missed_because text,
  PRIMARY KEY (pipeline_id, cron, time_zone)
) STRICT, WITHOUT ROWID;

CREATE INDEX pipeline_schedules_by_next ON pipeline_schedules (next_at);

CREATE TABLE pipeline_storage (
  pipeline_id text NOT NULL REFERENCES pipelines (id) ON DELETE CASCADE,
  key text NOT NULL,
  value text NOT NULL,
  bytes integer NOT NULL,
  updated_at integer NOT NULL,
  PRIMARY KEY (pipeline_id, key)
) STRICT;

CREATE TABLE pipelines (
  id text PRIMARY KEY NOT NULL,
  tenant_id text NOT NULL REFERENCES tenants (id),
  name text NOT NULL,
  filename text NOT NULL,
  source text NOT NULL,
  driver text NOT NULL,
  paused integer NOT NULL,
  concurrency text,
  webhook text CHECK (webhook IN ('github', 'gitlab', 'generic')),
  created_at integer NOT NULL,
  updated_at integer NOT NULL
) STRICT;

CREATE UNIQUE INDEX pipelines_by_name ON pipelines (tenant_id, name);

CREATE TABLE request_nonces (
  token_id text NOT NULL,
  nonce text NOT NULL,
  expires_at integer NOT NULL,
  PRIMARY KEY (token_id, nonce)
) STRICT, WITHOUT ROWID;

CREATE INDEX request_nonces_by_expiry ON request_nonces (expires_at);

CREATE TABLE run_answers (
  run_id text NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  attempt integer NOT NULL,
  seq integer NOT NULL,
  call integer NOT NULL,
  method text NOT NULL,
  hash text NOT NULL,
  ok integer NOT NULL,
  reusable integer NOT NULL,
  json text NOT NULL,
  at integer NOT NULL,
  PRIMARY KEY (run_id, attempt, seq)
) STRICT;

CREATE TABLE run_events (
  run_id text NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  id integer NOT NULL,
  type text NOT NULL CHECK (type IN ('log', 'task', 'run', 'exit')),
  data text NOT NULL,
  at integer NOT NULL,
  PRIMARY KEY (run_id, id)
) STRICT;

CREATE TABLE run_scripts (
  run_id text PRIMARY KEY NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  driver text NOT NULL,
  filename text NOT NULL,
  source blob NOT NULL,
  seed text NOT NULL,
  clock integer NOT NULL,
  handed_in text,
  first_number integer NOT NULL DEFAULT 0,
  stdout_bytes integer NOT NULL DEFAULT 0,
  stderr_bytes integer NOT NULL DEFAULT 0,
  take_ups integer NOT NULL DEFAULT 0,
  taken_up_at integer,
  taken_up_with integer
) STRICT;

CREATE TABLE run_tasks (
  run_id text NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  number integer NOT NULL,
  name text NOT NULL,
  status text NOT NULL CHECK (status IN ('running', 'success', 'failure', 'abort', 'error')),
  code integer,
  attempt integer NOT NULL DEFAULT 1,
  stdout_bytes integer NOT NULL DEFAULT 0,
  stderr_bytes integer NOT NULL DEFAULT 0,
  started_at integer NOT NULL,
  ended_at integer,
  PRIMARY KEY (run_id, number)
) STRICT;

CREATE TABLE runners (
  id text PRIMARY KEY NOT NULL,
  tenant_id text NOT NULL REFERENCES tenants (id),
  name text NOT NULL,
  token_hash text NOT NULL UNIQUE,
  status text NOT NULL CHECK (status IN ('online', 'busy', 'offline')),
  version text,
  created_at integer NOT NULL,
  last_seen_at integer
) STRICT;

CREATE UNIQUE INDEX runners_by_name ON runners (tenant_id, name);

CREATE TABLE runs (
  id text PRIMARY KEY NOT NULL,
  tenant_id text NOT NULL REFERENCES tenants (id),
  pipeline_id text NOT NULL,
  pipeline_name text NOT NULL,
  status text NOT NULL CHECK (status IN ('queued', 'running', 'success', 'failed', 'stopped')),
  triggered_by text NOT NULL,
  args text NOT NULL,
  task text,
  message text,
  attempt integer NOT NULL DEFAULT 1,
  stop_reason text,
  redactions text,
  log_bytes integer,
  log_removed_at integer,
  created_at integer NOT NULL,
  started_at integer,
  ended_at integer
) STRICT;

CREATE INDEX runs_by_tenant ON runs (tenant_id, id);
CREATE INDEX runs_by_pipeline ON runs (tenant_id, pipeline_name, pipeline_id, id);
CREATE INDEX runs_by_status ON runs (status);
CREATE INDEX runs_with_log ON runs (ended_at, id) WHERE log_bytes IS NOT NULL;

CREATE TABLE stored_logs (
  id integer PRIMARY KEY NOT NULL CHECK (id = 1),
  bytes integer NOT NULL
) STRICT;

INSERT INTO stored_logs (id, bytes) VALUES (1, 0);

CREATE TRIGGER run_with_log_made AFTER INSERT ON runs WHEN new.log_bytes IS NOT NULL
BEGIN UPDATE stored_logs SET bytes = bytes + new.log_bytes; END;

CREATE TRIGGER run_log_changed AFTER UPDATE OF log_bytes ON runs WHEN new.log_bytes IS NOT old.log_bytes
BEGIN UPDATE stored_logs SET bytes = bytes + coalesce(new.log_bytes, 0) - coalesce(old.log_bytes, 0); END;

CREATE TRIGGER run_with_log_deleted AFTER DELETE ON runs WHEN old.log_bytes IS NOT NULL
BEGIN UPDATE stored_logs SET bytes = bytes - old.log_bytes; END;

CREATE TABLE secret_uses (
  tenant_id text NOT NULL,
  scope text NOT NULL,
  key text NOT NULL,
  run_id text NOT NULL,
  used_at integer NOT NULL,
  PRIMARY KEY (tenant_id, scope, key)
) STRICT;

CREATE TABLE secrets (
  tenant_id text NOT NULL,
  scope text NOT NULL,
  key text NOT NULL,
  ciphertext blob NOT NULL,
  created_at integer NOT NULL,
  updated_at integer NOT NULL,
  PRIMARY KEY (tenant_id, scope, key)
) STRICT;

CREATE TABLE server_keys (
  name text PRIMARY KEY NOT NULL,
  sealed blob NOT NULL,
  created_at integer NOT NULL
) STRICT;

CREATE TABLE service_keys (
  id text PRIMARY KEY NOT NULL,
  tenant_id text NOT NULL REFERENCES tenants (id),
  name text NOT NULL,
  hash text NOT NULL UNIQUE,
  scopes text NOT NULL,
  pipelines text,
  created_at integer NOT NULL,
  last_used_at integer
) STRICT;

CREATE UNIQUE INDEX service_keys_by_name ON service_keys (tenant_id, name);

CREATE TABLE service_tokens (
  hash text PRIMARY KEY NOT NULL,
  key_id text NOT NULL REFERENCES service_keys (id) ON DELETE CASCADE,
  expires_at integer NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX service_tokens_by_key ON service_tokens (key_id);
CREATE INDEX service_tokens_by_expiry ON service_tokens (expires_at);

CREATE TABLE tenants (
  id text PRIMARY KEY NOT NULL,
  slug text NOT NULL UNIQUE,
  name text NOT NULL,
  created_at integer NOT NULL
) STRICT;

CREATE TABLE users (
  id text PRIMARY KEY NOT NULL,
  provider text NOT NULL,
  subject text NOT NULL,
  email text,
  name text,
  nick_name text,
  avatar_url text,
  tenant_id text NOT NULL REFERENCES tenants (id),
  organizations text NOT NULL,
  groups text NOT NULL,
  password_hash text,
  created_at integer NOT NULL,
  updated_at integer NOT NULL
) STRICT;

CREATE UNIQUE INDEX users_by_subject ON users (provider, subject);
CREATE INDEX users_by_email ON users (email);

CREATE TABLE vault_headers (
  id integer PRIMARY KEY NOT NULL,
  header text NOT NULL,
  created_at integer NOT NULL
) STRICT;

CREATE TABLE webhook_deliveries (
  pipeline_id text NOT NULL REFERENCES pipelines (id) ON DELETE CASCADE,
  delivery text NOT NULL,
  run_id text NOT NULL,
  expires_at integer NOT NULL,
  PRIMARY KEY (pipeline_id, delivery)
) STRICT, WITHOUT ROWID;

CREATE INDEX webhook_deliveries_by_expiry ON webhook_deliveries (expires_at);

CREATE TABLE credential_epoch (
  id integer PRIMARY KEY NOT NULL CHECK (id = 1),
  value integer NOT NULL
) STRICT;

INSERT INTO credential_epoch (id, value) VALUES (1, 0);

CREATE TRIGGER users_changed AFTER UPDATE ON users
BEGIN UPDATE credential_epoch SET value = value + 1; END;

CREATE TRIGGER users_ended AFTER DELETE ON users
BEGIN UPDATE credential_epoch SET value = value + 1; END;

CREATE TRIGGER memberships_changed AFTER UPDATE ON memberships
BEGIN UPDATE credential_epoch SET value = value + 1; END;

CREATE TRIGGER memberships_ended AFTER DELETE ON memberships
BEGIN UPDATE credential_epoch SET value = value + 1; END;

CREATE TRIGGER tenants_changed AFTER UPDATE ON tenants
BEGIN UPDATE credential_epoch SET value = value + 1; END;

CREATE TRIGGER tenants_ended AFTER DELETE ON tenants
BEGIN UPDATE credential_epoch SET value = value + 1; END;

CREATE TRIGGER access_tokens_changed AFTER UPDATE ON access_tokens
BEGIN UPDATE credential_epoch SET value = value + 1; END;

CREATE TRIGGER access_tokens_ended AFTER DELETE ON access_tokens
BEGIN UPDATE credential_epoch SET value = value + 1; END;

-- Not last_used_at: that changes every minute, and changes nothing.
CREATE TRIGGER cli_tokens_changed AFTER UPDATE OF id, hash, tenant_id, user_id, scopes, pipelines, signature_required, expires_at ON cli_tokens
BEGIN UPDATE credential_epoch SET value = value + 1; END;

CREATE TRIGGER cli_tokens_ended AFTER DELETE ON cli_tokens
BEGIN UPDATE credential_epoch SET value = value + 1; END;

CREATE TRIGGER pipeline_rules_made AFTER INSERT ON pipeline_rules
BEGIN UPDATE credential_epoch SET value = value + 1; END;

CREATE TRIGGER pipeline_rules_changed AFTER UPDATE ON pipeline_rules
BEGIN UPDATE credential_epoch SET value = value + 1; END;

CREATE TRIGGER pipeline_rules_ended AFTER DELETE ON pipeline_rules
BEGIN UPDATE credential_epoch SET value = value + 1; END;
