-- When the organizations and groups of a person were read last; 0: the identity provider no longer says them.
-- NULL: an account of this server, which has none.
ALTER TABLE users ADD COLUMN memberships_read_at integer;

UPDATE users SET memberships_read_at = updated_at WHERE provider <> 'local';

-- What an identity provider gave for reading them again, sealed under a key from the session secret.
CREATE TABLE identity_provider_tokens (
  user_id text PRIMARY KEY NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  sealed blob NOT NULL,
  updated_at integer NOT NULL
) STRICT;
