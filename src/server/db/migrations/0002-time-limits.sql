-- How long a run may take, in milliseconds from when it begins; NULL: as long as it likes.
ALTER TABLE runs ADD COLUMN timeout_ms integer CHECK (timeout_ms > 0);
