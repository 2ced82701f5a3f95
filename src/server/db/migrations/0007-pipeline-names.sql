-- Credentials of trusted issuers reach pipelines by patterns of their names, and what they reach is remembered.
CREATE TRIGGER pipelines_made AFTER INSERT ON pipelines
BEGIN UPDATE credential_epoch SET value = value + 1; END;

CREATE TRIGGER pipelines_renamed AFTER UPDATE OF name, tenant_id ON pipelines
WHEN new.name IS NOT old.name OR new.tenant_id IS NOT old.tenant_id
BEGIN UPDATE credential_epoch SET value = value + 1; END;

CREATE TRIGGER pipelines_ended AFTER DELETE ON pipelines
BEGIN UPDATE credential_epoch SET value = value + 1; END;
