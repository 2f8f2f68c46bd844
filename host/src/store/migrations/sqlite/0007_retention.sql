-- Since when nothing is known to refer to a document, in Unix milliseconds; NULL while something does.
ALTER TABLE documents ADD COLUMN unused_at BIGINT;
CREATE INDEX documents_unused ON documents (unused_at) WHERE unused_at IS NOT NULL;

CREATE INDEX flows_ended ON flows (ended_at) WHERE ended_at IS NOT NULL;
