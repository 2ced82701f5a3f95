-- Who started a run, as JSON {"kind","id","token"}; NULL: a webhook, a schedule, or a run of before.
ALTER TABLE runs ADD COLUMN starter text;
