-- The name of the token or service key that a run was started with: it stays when that is deleted. NULL: none.
ALTER TABLE runs ADD COLUMN token_name text;
-- From where a run was started, as JSON {"kind", …}; NULL: a run of before.
ALTER TABLE runs ADD COLUMN origin text;
-- The run whose input this run was started with again.
ALTER TABLE runs ADD COLUMN repeats text;
-- Of the source that it was started with; NULL: a run of before.
ALTER TABLE runs ADD COLUMN source_sha256 text;
-- Whether a secret was redacted in args or task; NULL: a run of before, where nobody knows.
ALTER TABLE runs ADD COLUMN input_redacted integer;

UPDATE runs SET token_name = (SELECT name FROM cli_tokens WHERE id = runs.starter ->> 'token')
WHERE starter ->> 'token' IS NOT NULL;
UPDATE runs SET token_name = (SELECT name FROM service_keys WHERE 'service:' || id = runs.starter ->> 'id')
WHERE starter ->> 'kind' = 'service';

CREATE INDEX runs_by_tenant_and_status ON runs (tenant_id, status, id);
CREATE INDEX runs_by_trigger ON runs (tenant_id, triggered_by, id);
CREATE INDEX runs_by_token ON runs (tenant_id, token_name, id) WHERE token_name IS NOT NULL;

-- The attempts of a run that ended before it was resumed; the latest is the run itself.
CREATE TABLE run_attempts (
  run_id text NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  attempt integer NOT NULL,
  status text NOT NULL CHECK (status IN ('failed', 'stopped')),
  message text,
  started_at integer,
  ended_at integer,
  last_event integer NOT NULL,
  resumed_at integer NOT NULL,
  resumed_by text NOT NULL,
  PRIMARY KEY (run_id, attempt)
) STRICT;
