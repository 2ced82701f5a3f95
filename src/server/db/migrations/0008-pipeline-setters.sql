-- Who has set a pipeline as it stands: an actor as the audit log has it; NULL: not on record.
ALTER TABLE pipelines ADD COLUMN set_by text;

-- The newest entry of each, in one pass over the log; the actor is that of the row with the greatest seq.
UPDATE pipelines SET set_by = last.actor
FROM (
  SELECT tenant_id, target, actor, at, max(seq) FROM audit_entries
  WHERE action = 'pipeline.set' AND outcome = 'ok'
  GROUP BY tenant_id, target
) AS last
WHERE last.tenant_id = pipelines.tenant_id AND last.target = pipelines.name AND last.at >= pipelines.updated_at;
