-- People who are to be members of a tenant, and have not logged in yet.
CREATE TABLE pending_members (
  id text PRIMARY KEY NOT NULL,
  tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('email', 'login', 'account')),
  provider text,
  name text NOT NULL,
  role text NOT NULL CHECK (role IN ('admin', 'member', 'viewer')),
  created_at integer NOT NULL,
  expires_at integer
) STRICT;

CREATE UNIQUE INDEX pending_members_by_name ON pending_members (tenant_id, kind, name, coalesce(provider, ''));
CREATE INDEX pending_members_by_person ON pending_members (name);

-- Links that make whoever has one a member of a tenant, once.
CREATE TABLE invitations (
  id text PRIMARY KEY NOT NULL,
  hash text NOT NULL UNIQUE,
  tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  role text NOT NULL CHECK (role IN ('admin', 'member', 'viewer')),
  email text,
  created_by text NOT NULL,
  created_at integer NOT NULL,
  expires_at integer NOT NULL
) STRICT;

CREATE INDEX invitations_by_tenant ON invitations (tenant_id, id);
