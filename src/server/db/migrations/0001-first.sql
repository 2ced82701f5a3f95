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

CREATE TABLE pipelines (
  id text PRIMARY KEY NOT NULL,
  tenant_id text NOT NULL REFERENCES tenants (id),
  name text NOT NULL,
  filename text NOT NULL,
  source text NOT NULL,
  driver text NOT NULL,
  paused integer NOT NULL,
  created_at integer NOT NULL,
  updated_at integer NOT NULL
) STRICT;

CREATE UNIQUE INDEX pipelines_by_name ON pipelines (tenant_id, name);

CREATE TABLE run_events (
  run_id text NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  id integer NOT NULL,
  type text NOT NULL CHECK (type IN ('log', 'task', 'run', 'exit')),
  data text NOT NULL,
  at integer NOT NULL,
  PRIMARY KEY (run_id, id)
) STRICT;

CREATE TABLE run_tasks (
  run_id text NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  number integer NOT NULL,
  name text NOT NULL,
  status text NOT NULL CHECK (status IN ('running', 'success', 'failure', 'abort', 'error')),
  code integer,
  started_at integer NOT NULL,
  ended_at integer,
  PRIMARY KEY (run_id, number)
) STRICT;

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
  redactions text,
  created_at integer NOT NULL,
  started_at integer,
  ended_at integer
) STRICT;

CREATE INDEX runs_by_tenant ON runs (tenant_id, id);
CREATE INDEX runs_by_pipeline ON runs (pipeline_id, id);
CREATE INDEX runs_by_status ON runs (status);

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
  role text NOT NULL CHECK (role IN ('admin', 'member', 'viewer')),
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
